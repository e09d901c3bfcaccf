import { statSync } from "node:fs";
import { chmod, chown, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Fault } from "@serai/kit/fault";
import { newId } from "@serai/kit/id";
import { readLockHolder, tryLockFile, type FileLock } from "@serai/linux/file-lock";
import type { ControlUser } from "./control-user.ts";

export type StateDirectory = {
  root: string;
  control: string;
  store: string;
  tls: string;
  spool: string;
  host: string;
  hostSocket: string;
  apiSocket: string;
};

/** The longest path of a socket below the state directory: `/host/vms/vm-xxxxxxxxxxxx/serial.sock`. */
const longestSocket = 40;
const maxSocketPath = 107;

/** The layout of a state directory. Throws when sockets in it would have too long a path for the kernel. */
export function stateDirectory(root: string): StateDirectory {
  const spare = maxSocketPath - longestSocket - Buffer.byteLength(root);
  if (spare < 0) {
    throw new Fault(
      "setup.failed",
      `The state directory ${root} is ${-spare} bytes too long for the kernel's socket addresses: choose a shorter one.`,
    );
  }
  const control = join(root, "control");
  return {
    root,
    control,
    store: join(control, "store.db"),
    tls: join(control, "tls"),
    spool: join(control, "spool"),
    host: join(root, "host"),
    hostSocket: join(root, "run/host.sock"),
    apiSocket: join(root, "run/api.sock"),
  };
}

/**
 * Makes what is missing and locks it for this process: one daemon per state directory. Control's part belongs to
 * its own user; what root writes lies outside of it.
 */
export async function openStateDirectory(
  state: StateDirectory,
  user: ControlUser | undefined,
): Promise<FileLock> {
  const isPrivileged = user !== undefined;
  if (isPrivileged) checkReachable(state.root);
  try {
    await mkdir(state.root, { recursive: true, mode: 0o711 });
    // Others pass through to the directory that is theirs; none of them can look around.
    if (isPrivileged) await chmod(state.root, 0o711);
    const lock = lockState(state);
    await mkdir(state.control, { recursive: true, mode: 0o700 });
    await mkdir(join(state.root, "run"), { recursive: true, mode: 0o700 });
    if (isPrivileged) {
      await chown(state.control, user.uid, user.gid);
      // Sticky: control makes its socket here, and cannot touch the host's.
      await chown(join(state.root, "run"), 0, user.gid);
      await chmod(join(state.root, "run"), 0o1775);
    }
    return lock;
  } catch (error) {
    throw error instanceof Fault ? error : explain(error, state.root);
  }
}

/** Guests and control run as users of their own, who must get here. */
function checkReachable(root: string): void {
  for (let at = dirname(root); at !== "/"; at = dirname(at)) {
    const stat = statSync(at, { throwIfNoEntry: false });
    if (stat === undefined || !stat.isDirectory() || (stat.mode & 0o001) !== 0) continue;
    throw new Fault(
      "setup.failed",
      `Nobody but its owner may enter ${at}, so guests, which run as users of their own, could not reach ${root}: choose another --state-dir, or run \`chmod o+x ${at}\`.`,
    );
  }
}

function lockState(state: StateDirectory): FileLock {
  const path = join(state.root, "lock");
  const lock = tryLockFile(path);
  if (lock !== undefined) return lock;
  const holder = readLockHolder(path);
  throw new Fault(
    "store.locked",
    `A Serai daemon${holder === undefined ? "" : ` (process ${holder})`} already uses ${state.root}: stop it first, or choose another --state-dir.`,
  );
}

const sentences: Record<string, string> = {
  EACCES: "may not be written by this user: choose another --state-dir, or run as its owner",
  EPERM: "may not be changed by this user: choose another --state-dir, or run as its owner",
  EROFS: "is on a read-only file system: choose another --state-dir",
  ENOSPC: "is on a disk that is full: free some space and try again",
  EDQUOT: "is over its owner's disk quota: free some space and try again",
  ENOTDIR: "cannot be a directory because a file is in its way: choose another --state-dir",
  EEXIST: "cannot be a directory because a file is in its way: choose another --state-dir",
};

function explain(error: unknown, root: string): unknown {
  const sentence = sentences[(error as NodeJS.ErrnoException).code ?? ""];
  return sentence === undefined ? error : new Fault("setup.failed", `${root} ${sentence}.`, { cause: error });
}

/** The host's id, made once. */
export async function readHostId(state: StateDirectory): Promise<string> {
  const path = join(state.host, "host-id");
  await mkdir(state.host, { recursive: true, mode: 0o711 });
  const known = await readFile(path, "utf8").catch(() => undefined);
  if (known !== undefined && known.trim() !== "") return known.trim();
  const id = newId("host");
  await writeFile(path, `${id}\n`, { mode: 0o644 });
  return id;
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, lstatSync, readlinkSync } from "node:fs";
import path from "node:path";

/** The bubblewrap of this machine, and what its kernel lets it do. Plain data. */
export type Bubblewrap = {
  path: string;
  /** Versions before 0.8 cannot keep a sandbox from making user namespaces of its own. */
  canForbidUserNamespaces: boolean;
};

export type Sandbox = {
  /** Seen under their own names. What a later one holds inside an earlier one wins. */
  readOnly: readonly string[];
  writable: readonly string[];
  devices?: readonly string[];
  /** Else there is a loopback of its own, and nothing on it. */
  hasHostNetwork?: boolean;
  /** Where the program starts. */
  directory: string;
};

const systemFolders = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];
const temporaryBytes = 16 * 1024 * 1024;

/**
 * What goes before a program's own arguments to run it in namespaces of its own: user, mounts, processes, IPC, host
 * name, cgroups, and network unless it is the host's. It sees programs and libraries, what it is given, and empty
 * /tmp, /dev and /proc; it has no capabilities and no environment.
 *
 * No new session: whoever starts it gives it one without a terminal, and so can end all of it by its process group.
 * The program is process 1 of its sandbox, so nothing in there outlives it.
 */
export function bubblewrapArgv(
  { path: program, canForbidUserNamespaces }: Bubblewrap,
  sandbox: Sandbox,
): string[] {
  const { readOnly, writable, devices = [], hasHostNetwork = false, directory } = sandbox;
  const binds = [
    ...readOnly.map((file) => ({ option: "--ro-bind", file })),
    ...writable.map((file) => ({ option: "--bind", file })),
  ].toSorted((a, b) => a.file.length - b.file.length); // a folder before what lies in it
  return [
    program,
    "--unshare-user",
    ...(canForbidUserNamespaces ? ["--disable-userns"] : []),
    ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...(hasHostNetwork ? [] : ["--unshare-net"]),
    ...[
      "--as-pid-1",
      "--hostname",
      "sandbox",
      "--cap-drop",
      "ALL",
      "--clearenv",
      "--setenv",
      "PATH",
      "/usr/bin",
    ],
    ...["--ro-bind", "/usr", "/usr", ...systemFolders.flatMap(systemFolder)],
    ...["--ro-bind-try", "/etc/ld.so.cache", "/etc/ld.so.cache"],
    ...["--proc", "/proc", "--dev", "/dev", "--size", String(temporaryBytes), "--tmpfs", "/tmp"],
    ...devices.flatMap((file) => ["--dev-bind", file, file]),
    ...binds.flatMap(({ option, file }) => [option, file, file]),
    ...["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", directory, "--"],
  ];
}

/** Most distributions have links to /usr here, some have folders, and none has all. */
function systemFolder(folder: string): string[] {
  const stat = lstatSync(folder, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  return stat.isSymbolicLink() ? ["--symlink", readlinkSync(folder), folder] : ["--ro-bind", folder, folder];
}

export type FoundBubblewrap = { isFound: true; bubblewrap: Bubblewrap } | { isFound: false; reason: string };

/** Finds bubblewrap and tries it: sysctls, LSMs and containers all have a say in what it may do. */
export async function findBubblewrap(signal: AbortSignal): Promise<FoundBubblewrap> {
  const program = locate("bwrap");
  if (program === undefined) return { isFound: false, reason: "install the package bubblewrap" };
  let words = "";
  for (const canForbidUserNamespaces of [true, false]) {
    const bubblewrap = { path: program, canForbidUserNamespaces };
    const argv = bubblewrapArgv(bubblewrap, { readOnly: [], writable: [], directory: "/" });
    const tried = await tryOut([...argv, "/usr/bin/true"], signal);
    if (tried.isSuccess) return { isFound: true, bubblewrap };
    words = tried.words;
  }
  return { isFound: false, reason: `bubblewrap cannot make namespaces here: ${words}` };
}

async function tryOut(argv: string[], signal: AbortSignal): Promise<{ isSuccess: boolean; words: string }> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: {},
    timeout: 10_000,
    killSignal: "SIGKILL",
    signal,
  });
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (words = (words + text).slice(0, 300)));
  const [code] = (await once(child, "close")) as [number | null];
  return {
    isSuccess: code === 0,
    words:
      words
        .trim()
        .split("\n")
        .at(-1)
        ?.replace(/^bwrap: /, "") ?? "",
  };
}

/** The file of a program that the distribution installed; the caller's own PATH has no say. */
export function locate(program: string): string | undefined {
  const folders = ["/usr/bin", "/usr/local/bin", "/bin", "/usr/sbin"];
  return folders
    .map((folder) => path.join(folder, program))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK);
        return true;
      } catch {
        return false; // not this one
      }
    });
}

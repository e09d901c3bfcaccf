import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, readFileSync } from "node:fs";
import { createServer, isIPv4 } from "node:net";
import { errorChain, Fault, isFault } from "@serai/kit/fault";
import { bubblewrapArgv, locate } from "@serai/linux/bubblewrap";
import { socketPair } from "@serai/linux/socket-pair";
import type { CompleteNic } from "@serai/model/vm-spec";
import { safePath } from "../process/qemu-process.ts";
import type { Jail } from "./jail.ts";
import { launcherArgv, type LaunchUser } from "./launcher-argv.ts";

/** QEMU's own user-mode network has these addresses, and guests may know them by heart. */
const network = ["-4", "-a", "10.0.2.15", "-n", "255.255.255.0", "-g", "10.0.2.2", "-m", "1500"] as const;

/** A user of its own for each VM's passt: above all that VMs have, and below 2^31. */
export const firstPasstUid = 2_000_000_000;
export const lastPasstUid = 2_099_999_999;
const passtUserOffset = 100_000_000;

/** Who runs the passt of the VM whose QEMU is run by this user. */
export const passtUser = ({ uid, gid }: LaunchUser): LaunchUser => ({
  uid: uid + passtUserOffset,
  gid: gid + passtUserOffset,
});

type Forwards = CompleteNic["forwards"];

/**
 * passt turns a guest's frames into sockets of its own, so that QEMU needs no network. It ends when the other end of
 * its connection closes, which is QEMU.
 *
 * `--no-map-gw` shuts the plain way to the host's loopback: else the gateway's address is an alias of it. A packet to
 * 127.0.0.1 that a guest takes pains to let out is served all the same; see {@link guardLoopback}.
 */
export function passtArgv(program: string, fd: number, forwards: Forwards): string[] {
  return [
    program,
    ...["--foreground", "--quiet", "--one-off", "--fd", String(fd), "--no-map-gw"],
    ...network,
    ...nameServers().flatMap((address) => ["-D", address]),
    ...forwardsArgv("-t", forwards, "tcp"),
    ...forwardsArgv("-u", forwards, "udp"),
  ];
}

function forwardsArgv(option: string, forwards: Forwards, protocol: "tcp" | "udp"): string[] {
  const chosen = forwards.filter((forward) => forward.protocol === protocol);
  if (chosen.length === 0) return [option, "none"];
  return chosen.flatMap(({ hostPort, guestPort }) => [option, `127.0.0.1/${hostPort}:${guestPort}`]);
}

/** A resolver on the host's loopback is out of a guest's reach: then those that it asks itself. */
function nameServers(): string[] {
  for (const file of ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]) {
    const found = readNameServers(file);
    if (found.length > 0) return found.slice(0, 3);
  }
  return [];
}

function readNameServers(file: string): string[] {
  try {
    const lines = readFileSync(file, "utf8").matchAll(/^nameserver\s+(\S+)/gm);
    return [...lines].map(([, address = ""]) => address).filter((at) => isIPv4(at) && !at.startsWith("127."));
  } catch {
    return []; // there is none
  }
}

export type PasstInput = {
  passt: string;
  jail: Jail;
  nics: readonly CompleteNic[];
  cgroupProcsFiles: readonly string[];
  user?: LaunchUser;
};

/** The user-mode networks of one launch. Dispose of it when QEMU has its ends, or there will be no QEMU. */
export type UserNetworks = Disposable & {
  /** QEMU's end of each NIC's connection. */
  readonly ends: readonly number[];
  /** Starts the passts; best while QEMU is starting. What a guest sends before then waits for them. */
  start(): void;
  /** Rejects if one of them ends; what happens after the disposal tells nobody. */
  readonly failed: Promise<never>;
};

/** Makes the connections for a passt per NIC. Rejects when a forwarded port is taken. */
export async function openUserNetworks(input: PasstInput): Promise<UserNetworks> {
  const { nics } = input;
  for (const { forwards } of nics) await Promise.all(forwards.map(checkPort));
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {}); // for whoever waits
  const pairs: { nic: CompleteNic; ends: [number, number] }[] = [];
  const close = () => pairs.splice(0).forEach(({ ends }) => ends.forEach((fd) => closeSync(fd)));
  try {
    for (const nic of nics) pairs.push({ nic, ends: socketPair() });
  } catch (error) {
    close();
    throw error;
  }
  return {
    ends: pairs.map(({ ends: [qemu] }) => qemu),
    failed,
    start() {
      for (const { nic, ends } of pairs) {
        const child = spawnPasst(input, nic, ends[1]);
        const tell = () =>
          reject(new Fault("vm.start_failed", `The network of ${nic.name} did not start: passt ended.`));
        child.once("error", tell).once("exit", tell);
        child.unref();
      }
    },
    [Symbol.dispose]: close,
  };
}

function spawnPasst(
  { passt, jail, cgroupProcsFiles, user }: PasstInput,
  nic: CompleteNic,
  end: number,
): ChildProcess {
  const fd = 3;
  // It locks itself in further, for which it needs a user namespace of its own.
  const bubblewrap = { ...jail.bubblewrap, canForbidUserNamespaces: false };
  const [program = "", ...args] = launcherArgv({
    command: passtArgv(passt, fd, nic.forwards),
    cgroupProcsFiles,
    ...(user !== undefined && { user }),
    jail: bubblewrapArgv(bubblewrap, { readOnly: [], writable: [], directory: "/", hasHostNetwork: true }),
  });
  return spawn(program, args, {
    cwd: "/",
    detached: true,
    stdio: ["ignore", "ignore", "ignore", end],
    env: { PATH: safePath },
  });
}

/** passt could only tell its log; and by then QEMU would run. */
async function checkPort({ protocol, hostPort }: Forwards[number]): Promise<void> {
  if (protocol !== "tcp") return;
  const server = createServer();
  try {
    server.listen({ host: "127.0.0.1", port: hostPort, exclusive: true });
    await once(server, "listening");
  } catch (error) {
    throw new Fault("vm.start_failed", `Port ${hostPort} of this host is taken; forward another one.`, {
      cause: error,
    });
  } finally {
    server.close();
  }
}

/** Finds passt and tries it: without a route to anywhere it cannot be used. */
export async function findPasst(jail: Jail): Promise<{ path: string } | { missing: string }> {
  const path = locate("passt");
  if (path === undefined) return { missing: "install the package passt" };
  const [mine, theirs] = socketPair();
  try {
    const nic = { name: "probe", forwards: [] } as unknown as CompleteNic;
    const child = spawnPasst({ passt: path, jail, nics: [], cgroupProcsFiles: [] }, nic, theirs);
    const ended = once(child, "exit") as Promise<[number | null]>;
    ended.catch(() => {}); // awaited below
    closeSync(theirs);
    closeSync(mine); // as when QEMU ends: one that came so far ends with success
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    const [code] = await ended;
    clearTimeout(timer);
    return code === 0 ? { path } : { missing: "passt does not run here" };
  } catch (error) {
    return { missing: isFault(error) ? error.message : errorChain(error) };
  }
}

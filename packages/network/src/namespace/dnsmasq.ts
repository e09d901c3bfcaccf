import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { poll } from "@serai/kit/deadline";
import { Fault } from "@serai/kit/fault";
import { inNetNamespace, type NetNamespace } from "@serai/linux/net-namespace";
import {
  identifyProcess,
  isAlive,
  killProcess,
  waitForExit,
  type ProcessIdentity,
} from "@serai/linux/process-identity";
import { dnsmasqConfig, hostLines, reservationLines } from "./dnsmasq-config.ts";
import type { NetworkPaths } from "./names.ts";
import type { NetworkState } from "./record.ts";
import { safeEnvironment } from "./run.ts";

/** Below the range of the VMs' own users, which nobody else uses either; one for each network. */
const firstUid = 1_899_900_000;
const startMs = 10_000;
const stopMs = 5_000;

/** What dnsmasq may still do: all within its own network's namespace. */
const capabilities = "-all,+net_admin,+net_raw,+net_bind_service";

/** True for networks on which we give addresses out. */
export const servesAddresses = ({ wish: { spec } }: NetworkState): boolean =>
  spec.ipv4 !== undefined || spec.ipv6 !== undefined;

/**
 * Brings names and addresses in line with the state; returns what the state has to remember. A changed list is
 * re-read by the dnsmasq that runs; only another configuration needs another dnsmasq.
 */
export async function serveAddresses(
  namespace: NetNamespace,
  paths: NetworkPaths,
  state: NetworkState,
  signal: AbortSignal,
): Promise<NetworkState["dnsmasq"]> {
  if (!servesAddresses(state)) {
    await stopDnsmasq(state.dnsmasq, signal);
    return undefined;
  }
  const uid = firstUid + state.index;
  mkdirSync(paths.service, { recursive: true, mode: 0o711 });
  const { spec } = state.wish;
  const resolvers = findResolvers();
  const config = dnsmasqConfig({ spec, paths, ...(resolvers !== undefined && { resolvers }) });
  const isNew = [
    writeFor(uid, paths.reservations, reservationLines(state.nics)),
    writeFor(uid, paths.hosts, hostLines(state.nics, spec)),
  ].includes(true);
  const running = state.dnsmasq;
  if (running !== undefined && running.config === config && isAlive(running.identity)) {
    if (isNew) killProcess(running.identity, "SIGHUP");
    return running;
  }
  await stopDnsmasq(running, signal);
  writeFor(uid, paths.config, config);
  if (!existsSync(paths.leases)) writeFileSync(paths.leases, "");
  chownSync(paths.leases, uid, uid);
  return { identity: await startDnsmasq({ namespace, paths, uid }, signal), config };
}

export async function stopDnsmasq(running: NetworkState["dnsmasq"], signal: AbortSignal): Promise<void> {
  if (running === undefined || !killProcess(running.identity, "SIGKILL")) return;
  await waitForExit(running.identity, stopMs, signal);
}

/** True when the file changed. In place, because dnsmasq may be reading it by name: it reads after our signal. */
function writeFor(gid: number, file: string, text: string): boolean {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return false;
  writeFileSync(file, text, { mode: 0o640 });
  chmodSync(file, 0o640);
  chownSync(file, 0, gid);
  return true;
}

async function startDnsmasq(
  { namespace, paths, uid }: { namespace: NetNamespace; paths: NetworkPaths; uid: number },
  signal: AbortSignal,
): Promise<ProcessIdentity> {
  const log = openSync(paths.log, "w", 0o600);
  const argv = [
    ...["prlimit", "--core=0", "--nofile=1024:1024", "--"],
    ...["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups", "--no-new-privs"],
    ...[
      `--inh-caps=${capabilities}`,
      `--ambient-caps=${capabilities}`,
      `--bounding-set=${capabilities}`,
      "--",
    ],
    ...["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--pid-file", `--conf-file=${paths.config}`],
  ];
  const [program = "", ...args] = argv;
  // Detached: it serves the guests while the daemon restarts.
  const child = inNetNamespace(namespace, () =>
    spawn(program, args, { detached: true, stdio: ["ignore", log, log], env: safeEnvironment, cwd: "/" }),
  );
  closeSync(log);
  child.unref();
  const { promise: failed, reject } = Promise.withResolvers<never>();
  failed.catch(() => {}); // the race below reports it
  child.once("error", reject);
  child.once("exit", (code) =>
    reject(new Error(`exit ${code}: ${readFileSync(paths.log, "utf8").slice(-2000)}`)),
  );
  const message = "The service for addresses and names (dnsmasq) did not start.";
  const deadline = { ms: startMs, everyMs: 3, code: "network.setup_failed", message } as const;
  try {
    const isUp = poll(deadline, signal, () => listens(namespace) || undefined);
    await Promise.race([isUp, failed]);
    const identity = identifyProcess(child.pid ?? -1);
    if (identity === undefined) throw new Error("dnsmasq ended at once");
    return identity;
  } catch (error) {
    child.kill("SIGKILL");
    signal.throwIfAborted();
    throw error instanceof Fault ? error : new Fault("network.setup_failed", message, { cause: error });
  }
}

/** True once somebody in the namespace listens for DNS and DHCP: ports 53 and 67, or 547. */
function listens(namespace: NetNamespace): boolean {
  const tables = inNetNamespace(namespace, () =>
    ["udp", "udp6"].map((table) => readFileSync(`/proc/thread-self/net/${table}`, "latin1")).join(""),
  );
  return /:0035 /.test(tables) && /:(0043|0223) /.test(tables);
}

/** Where the host's real name servers are listed: a stub on the host's own loopback is out of reach from a namespace. */
function findResolvers(): string | undefined {
  const candidates = [
    "/etc/resolv.conf",
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/resolv.conf",
  ];
  return candidates.find((file) => {
    if (!existsSync(file)) return false;
    const servers = [...readFileSync(file, "utf8").matchAll(/^nameserver\s+(\S+)/gm)].map(
      ([, server]) => server ?? "",
    );
    return servers.some((server) => !server.startsWith("127.") && server !== "::1");
  });
}

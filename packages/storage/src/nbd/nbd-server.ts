import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { access, rm } from "node:fs/promises";
import { join } from "node:path";
import { delay } from "@serai/kit/deadline";
import { Fault } from "@serai/kit/fault";
import type { ConnectMonitor, StorageMonitor } from "./storage-monitor.ts";

/** A volume that the server has open, and the host that may write to it. */
export type NbdExport = { host: string; vm: string; disk: string };

export type NbdServer = AsyncDisposable & {
  readonly socketPath: string;
  /** Exports a volume's file to one host; idempotent. Throws `volume.locked` while another host has it. */
  exportTo(wish: NbdExport & { path: string }, signal: AbortSignal): Promise<string>;
  /** Ends one host's export of a volume and closes the volume; idempotent. */
  withdraw(wish: NbdExport, signal: AbortSignal): Promise<void>;
  /** Cuts a host off from all its volumes, whatever it is doing: its writes fail from here on, for good. */
  fence(host: string, signal: AbortSignal): Promise<NbdExport[]>;
  exports(signal: AbortSignal): Promise<NbdExport[]>;
};

export type NbdServerOptions = {
  /** For its two sockets; short, because their paths may have 107 bytes. */
  runDirectory: string;
  connect: ConnectMonitor;
};

const startDeadlineMs = 10_000;
const goneDeadlineMs = 10_000;
/** Names that QEMU takes as ids; the first part is the host, so that one host's exports are told by their beginning. */
const exportName = ({ host, vm, disk }: NbdExport): string => `${host}.${vm}.${disk}`;
const nodeName = ({ vm, disk }: Pick<NbdExport, "vm" | "disk">): string => `${vm}.${disk}`;

/** Starts a qemu-storage-daemon that serves volumes as NBD exports. What is exported is asked of it, never remembered. */
export async function startNbdServer(
  { runDirectory, connect }: NbdServerOptions,
  signal: AbortSignal,
): Promise<NbdServer> {
  const [monitorPath, socketPath] = [join(runDirectory, "monitor.sock"), join(runDirectory, "nbd.sock")];
  for (const path of [monitorPath, socketPath]) await rm(path, { force: true });
  const child = spawn(
    "qemu-storage-daemon",
    [
      ...[
        "--chardev",
        `socket,id=monitor,path=${monitorPath.replaceAll(",", ",,")},server=on,wait=off`,
        "--monitor",
        "chardev=monitor",
      ],
      ...["--nbd-server", `addr.type=unix,addr.path=${socketPath.replaceAll(",", ",,")},max-connections=0`],
    ],
    { stdio: "ignore", env: { PATH: process.env["PATH"] } },
  );
  try {
    await appears(socketPath, child, signal);
    return new OpenNbdServer(socketPath, child, await connect(monitorPath, signal));
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

async function appears(path: string, child: ChildProcess, signal: AbortSignal): Promise<void> {
  let failure: Error | undefined;
  child.once("error", (error) => (failure = error));
  for (let waitedMs = 0; waitedMs < startDeadlineMs; waitedMs += 10) {
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return;
    if (failure !== undefined || child.exitCode !== null) break;
    await delay(10, signal);
  }
  throw new Fault("host.unsupported", "The storage daemon did not start: is qemu-storage-daemon installed?", {
    cause: failure,
  });
}

class OpenNbdServer implements NbdServer {
  readonly socketPath: string;
  readonly #child: ChildProcess;
  readonly #monitor: StorageMonitor;
  /** One change at a time: between "who has it" and "export it" nobody else may come. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(socketPath: string, child: ChildProcess, monitor: StorageMonitor) {
    this.socketPath = socketPath;
    this.#child = child;
    this.#monitor = monitor;
  }

  async exports(signal: AbortSignal): Promise<NbdExport[]> {
    const found = (await this.#monitor.execute("query-block-exports", {}, signal)) as { id: string }[];
    return found.map(({ id }) => {
      const [host = "", vm = "", disk = ""] = id.split(".");
      return { host, vm, disk };
    });
  }

  exportTo(wish: NbdExport & { path: string }, signal: AbortSignal): Promise<string> {
    return this.#alone(async () => {
      const name = exportName(wish);
      const holder = (await this.exports(signal)).find(
        ({ vm, disk }) => vm === wish.vm && disk === wish.disk,
      );
      if (holder?.host === wish.host) return name;
      if (holder !== undefined) {
        throw new Fault(
          "volume.locked",
          `Volume ${wish.disk} of ${wish.vm} belongs to host ${holder.host}: it must let go of it, or be fenced.`,
        );
      }
      await this.#open(wish, signal);
      await this.#monitor.execute(
        "block-export-add",
        { type: "nbd", id: name, "node-name": nodeName(wish), name, writable: true },
        signal,
      );
      return name;
    });
  }

  withdraw(wish: NbdExport, signal: AbortSignal): Promise<void> {
    return this.#alone(async () => {
      await this.#remove([wish], signal);
    });
  }

  fence(host: string, signal: AbortSignal): Promise<NbdExport[]> {
    return this.#alone(async () => {
      const owned = (await this.exports(signal)).filter((candidate) => candidate.host === host);
      await this.#remove(owned, signal);
      return owned;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#monitor.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
  }

  async #open(wish: NbdExport & { path: string }, signal: AbortSignal): Promise<void> {
    const node = nodeName(wish);
    if ((await this.#nodes(signal)).has(node)) return;
    const reclaim = { discard: "unmap" };
    await this.#monitor.execute(
      "blockdev-add",
      {
        driver: "qcow2",
        "node-name": node,
        ...reclaim,
        "detect-zeroes": "unmap",
        file: { driver: "file", filename: wish.path, locking: "on", ...reclaim },
      },
      signal,
    );
  }

  async #remove(wishes: readonly NbdExport[], signal: AbortSignal): Promise<void> {
    const there = new Set((await this.exports(signal)).map(exportName));
    for (const wish of wishes) {
      if (!there.has(exportName(wish))) continue;
      await this.#monitor.execute("block-export-del", { id: exportName(wish), mode: "hard" }, signal);
    }
    await this.#untilGone(wishes, signal);
    const nodes = await this.#nodes(signal);
    const held = new Set((await this.exports(signal)).map(nodeName));
    for (const node of new Set(wishes.map(nodeName))) {
      // Closed, the file is free for whoever enlarges, copies or removes it.
      if (nodes.has(node) && !held.has(node))
        await this.#monitor.execute("blockdev-del", { "node-name": node }, signal);
    }
  }

  /** Deletion is asked for; it is done once the last request of the host was answered. */
  async #untilGone(wishes: readonly NbdExport[], signal: AbortSignal): Promise<void> {
    const names = new Set(wishes.map(exportName));
    for (let waitedMs = 0; waitedMs < goneDeadlineMs; waitedMs += 5) {
      if (!(await this.exports(signal)).some((found) => names.has(exportName(found)))) return;
      await delay(5, signal);
    }
    throw new Fault("volume.locked", "An export could not be ended in time; look again.");
  }

  async #nodes(signal: AbortSignal): Promise<Set<string>> {
    const nodes = (await this.#monitor.execute("query-named-block-nodes", { flat: true }, signal)) as {
      "node-name": string;
    }[];
    return new Set(nodes.map((node) => node["node-name"]));
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work, work);
    this.#last = run.catch(() => {}); // told to whoever asked
    return run;
  }
}

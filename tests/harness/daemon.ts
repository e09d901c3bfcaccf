import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createClient, waitForOperation, type Client } from "@serai/api-contract/client";
import { nodeTransport } from "@serai/api-contract/node-transport";
import { poll, withDeadline } from "@serai/kit/deadline";
import type { Operation } from "@serai/model/operation";
import type { VmSpec } from "@serai/model/vm-spec";

const root = join(import.meta.dirname, "../..");

type Ready = { apiUrl?: string; apiSocket: string };

export type TestDaemon = AsyncDisposable & {
  readonly stateDirectory: string;
  readonly ready: Ready;
  /** Over the local socket, as admin. */
  readonly client: Client;
  /** serai-host and serai-control. */
  pids(): number[];
  /** SIGKILL to both of its processes at once; guests live on. */
  crash(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
};

export type DaemonOptions = { port?: number; args?: readonly string[]; builtinImages?: string };

/** Starts a daemon on a state directory of its own; disposing ends it and every guest it left. */
export async function startDaemon(options: DaemonOptions = {}): Promise<TestDaemon> {
  const stateDirectory = await mkdtemp(join(tmpdir(), "serai-"));
  await chmod(stateDirectory, 0o755); // control and the guests run as other users
  const daemon = new RunningDaemon(stateDirectory, options);
  await daemon.start();
  return daemon;
}

class RunningDaemon implements TestDaemon {
  readonly stateDirectory: string;
  readonly #options: DaemonOptions;
  #child: ChildProcess | undefined;
  #ready: Ready | undefined;
  #client: Client | undefined;
  #close: () => void = () => {};

  constructor(stateDirectory: string, options: DaemonOptions) {
    this.stateDirectory = stateDirectory;
    this.#options = options;
  }

  get ready(): Ready {
    if (this.#ready === undefined) throw new Error("The daemon is not running");
    return this.#ready;
  }

  get client(): Client {
    if (this.#client === undefined) throw new Error("The daemon is not running");
    return this.#client;
  }

  async start(): Promise<void> {
    const { port = 0, args = [], builtinImages } = this.#options;
    const builtin = builtinImages === undefined ? [] : ["--builtin-images", builtinImages];
    const child = spawn(
      process.execPath,
      [
        join(root, "apps/daemon/src/main.ts"),
        "--state-dir",
        this.stateDirectory,
        "--port",
        String(port),
        ...builtin,
        ...args,
      ],
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, SERAI_LOG: process.env["SERAI_LOG"] ?? "warn" },
      },
    );
    const log = join(this.stateDirectory, "daemon.log");
    child.stderr.on("data", (chunk: Buffer) => appendFileSync(log, chunk));
    this.#child = child;
    const lines = createInterface(child.stdout);
    const ended = once(child, "exit").then(() => {
      throw new Error(`The daemon ended before it was ready: ${readFileSync(log, "utf8").slice(-2000)}`);
    });
    ended.catch(() => {}); // it will end some day; only an end before "ready" matters here
    const [line] = (await Promise.race([once(lines, "line"), ended])) as [string];
    this.#ready = JSON.parse(line) as Ready;
    const transport = nodeTransport({ socketPath: this.#ready.apiSocket });
    this.#close = () => transport.close();
    this.#client = createClient(transport);
  }

  pids(): number[] {
    const pid = this.#child?.pid;
    return pid === undefined ? [] : [pid, ...childrenOf(pid)];
  }

  async crash(): Promise<void> {
    const gone = this.#child === undefined ? undefined : once(this.#child, "exit");
    const pids = this.pids();
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // it ended by itself between listing and killing
      }
    }
    await gone;
    this.#close();
    await untilGone(pids);
  }

  async stop(): Promise<void> {
    this.#close();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const pids = this.pids();
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await withDeadline(
      { ms: 20_000, code: "host.unreachable", message: "The daemon did not stop on SIGTERM." },
      new AbortController().signal,
      () => gone,
    ).catch(async (error: unknown) => {
      await this.crash();
      throw error;
    });
    await untilGone(pids);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
    } finally {
      const guests = await guestPidsOf(this.stateDirectory);
      for (const pid of guests) if (isLive(pid)) process.kill(pid, "SIGKILL");
      await untilGone(guests);
      await rm(this.stateDirectory, { recursive: true, force: true });
    }
  }
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .trim()
      .split(" ")
      .filter(Boolean)
      .map(Number)
      .filter(isNode);
  } catch {
    return []; // it ended
  }
}

const isNode = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0]?.endsWith("node") ?? false;
  } catch {
    return false;
  }
};

/** Live QEMU processes that use files of this state directory. */
export async function qemuPidsOf(stateDirectory: string): Promise<number[]> {
  return (await processesOf(stateDirectory))
    .filter(({ argv }) => argv[0]?.includes("qemu-system"))
    .map(({ pid }) => pid);
}

/** Every live process that was started for a guest of this state directory: QEMU, its keepers and helpers. */
export async function guestPidsOf(stateDirectory: string): Promise<number[]> {
  return (await processesOf(stateDirectory))
    .filter(({ argv }) => !argv[0]?.endsWith("node"))
    .map(({ pid }) => pid);
}

async function processesOf(stateDirectory: string): Promise<{ pid: number; argv: string[] }[]> {
  const found: { pid: number; argv: string[] }[] = [];
  for (const entry of await readdir("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const cmdline = await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => ""); // it ended meanwhile
    if (cmdline.includes(`${stateDirectory}/`) && isLive(Number(entry)))
      found.push({ pid: Number(entry), argv: cmdline.split("\0") });
  }
  return found;
}

/** False for what is gone and for what only waits to be reaped. */
export function isLive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const state = stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3);
    return state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}

async function untilGone(pids: readonly number[]): Promise<void> {
  await poll(
    {
      ms: 15_000,
      everyMs: 10,
      code: "host.unreachable",
      message: `Processes ${pids.join(", ")} did not end.`,
    },
    new AbortController().signal,
    () => (pids.some(isLive) ? undefined : true),
  );
}

/** Waits for an operation and insists that it succeeded. */
export async function succeeded(
  client: Client,
  operation: Promise<Operation>,
  ms = 120_000,
): Promise<Operation> {
  const receipt = await operation;
  const ended = await waitForOperation(client, receipt.id, {}, AbortSignal.timeout(ms));
  if (ended.phase !== "succeeded") {
    throw new Error(
      `${ended.verb} of ${ended.target.name ?? ended.target.id} ${ended.phase}: ${ended.fault?.message ?? ended.note ?? ""}`,
    );
  }
  return ended;
}

/** Declares an image built by `guest/` and waits until it is ready. */
export async function takeBuiltin(client: Client, name: string, ms = 120_000): Promise<void> {
  const { signal } = new AbortController();
  await succeeded(
    client,
    client.call("createImage", { body: { name, source: { kind: "builtin", name } } }, signal),
    ms,
  );
}

export const createVm = (client: Client, spec: VmSpec, start = true): Promise<Operation> =>
  succeeded(client, client.call("createVm", { body: spec, query: { start } }, new AbortController().signal));

/** Asks until the answer is not undefined. */
export const until = <T>(
  what: string,
  ms: number,
  look: () => Promise<T | undefined> | T | undefined,
): Promise<T> =>
  poll(
    { ms, everyMs: 50, code: "request.timeout", message: `Waited ${ms} ms for: ${what}.` },
    new AbortController().signal,
    look,
  );

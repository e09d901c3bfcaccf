import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { mkdir, readFile, rm } from "node:fs/promises";
import { createInterface } from "node:readline";

/**
 * The command line of a QEMU that Serai started, to start the same devices by hand. A NIC's network, which comes to
 * Serai's QEMU as an open descriptor, is QEMU's own in a start by hand.
 */
export async function argvOf(pid: number): Promise<string[]> {
  const argv = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0").slice(0, -1);
  return argv.slice(argv.findIndex((word) => word.includes("qemu-system"))).map(withoutDescriptor);
}

function withoutDescriptor(word: string): string {
  if (!word.startsWith('{"type":"stream"')) return word;
  const { id } = JSON.parse(word) as { id: string };
  return JSON.stringify({ type: "user", id, ipv6: false });
}

export type BareQemu = { startMs: number; startedAtMs: number; child: ChildProcess; monitor: Socket };

/**
 * Starts QEMU by hand as a careful person would: `-S`, QMP handshake, `cont`. `argv` is Serai's own, with its
 * directory replaced by `directory`; everything else is the same.
 */
export async function startBare(
  argv: readonly string[],
  directory: string,
  monitorPath: string,
  { leavesStopped = false } = {},
): Promise<BareQemu> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const [program, ...args] = argv as [string, ...string[]];
  const startedAtMs = performance.now();
  const child = spawn(program, args, { stdio: "ignore" });
  const monitor = await connectSoon(monitorPath);
  const lines = createInterface(monitor)[Symbol.asyncIterator]();
  await lines.next(); // greeting
  await command(monitor, lines, "qmp_capabilities");
  if (!leavesStopped) await command(monitor, lines, "cont");
  return { startMs: performance.now() - startedAtMs, startedAtMs, child, monitor };
}

/** Ends it at once and waits until it is gone; answers how long that took, in ms. */
export async function stopBare({ child, monitor }: BareQemu): Promise<number> {
  const gone = once(child, "exit");
  const before = performance.now();
  child.kill("SIGKILL");
  await gone;
  monitor.destroy();
  return performance.now() - before;
}

async function command(monitor: Socket, lines: AsyncIterator<string>, execute: string): Promise<void> {
  monitor.write(`${JSON.stringify({ execute })}\n`);
  for (;;) {
    const { value, done } = await lines.next();
    if (done === true) throw new Error(`QEMU ended at ${execute}`);
    const answer = JSON.parse(value) as { return?: unknown; error?: { desc: string } };
    if (answer.error !== undefined) throw new Error(`${execute}: ${answer.error.desc}`);
    if (answer.return !== undefined) return;
  }
}

async function connectSoon(path: string): Promise<Socket> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, "connect");
      return socket;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

import { createReadStream, createWriteStream, rmSync } from "node:fs";
import net from "node:net";
import { pipeline } from "node:stream/promises";
import { Fault } from "@serai/kit/fault";
import type { QmpEvent } from "@serai/qmp/qmp-types";
import type { QmpSession } from "@serai/qmp/session";

type Transfer = { session: QmpSession; socketPath: string; file: string };

/**
 * Writes a stopped guest's memory and devices to a file. QEMU may open no file and start no program of ours, so it
 * sends to a socket and we write. `prepareSocket` makes the socket one that QEMU may connect to.
 */
export async function saveMemory(
  { session, socketPath, file }: Transfer,
  prepareSocket: () => void,
  signal: AbortSignal,
): Promise<void> {
  await using receiver = await receiveMemory({ socketPath, file }, prepareSocket, signal);
  await enableMigrationEvents(session, signal);
  await session.execute("migrate-set-parameters", { "max-bandwidth": 10 * 1024 ** 3 }, {}, signal);
  const outcome = migrationOutcome(session, signal);
  outcome.catch(() => {}); // the refusal below says more
  await session.execute("migrate", { uri: receiver.uri }, {}, signal);
  // A full disk is told by our side, and QEMU only hears that nobody listens: the first reason is the better one.
  await Promise.all([outcome, receiver.received]);
}

export type MemoryReceiver = AsyncDisposable & {
  /** Where QEMU is to send to. */
  readonly uri: string;
  /** Resolves when QEMU has hung up and all is in the file. */
  readonly received: Promise<void>;
};

/** Listens on a socket for what one QEMU sends, and writes it to a file. */
export async function receiveMemory(
  { socketPath, file }: Omit<Transfer, "session">,
  prepareSocket: () => void,
  signal: AbortSignal,
): Promise<MemoryReceiver> {
  rmSync(socketPath, { force: true });
  const server = net.createServer();
  const { promise: received, resolve, reject } = Promise.withResolvers<void>();
  received.catch(() => {}); // awaited by the caller, unless QEMU refuses first
  server.once("connection", (socket) => {
    pipeline(socket, createWriteStream(file, { mode: 0o600, highWaterMark: 4 * 1024 * 1024 }), {
      signal,
    }).then(resolve, reject);
  });
  const close = async () => {
    server.close();
    rmSync(socketPath, { force: true });
  };
  try {
    await new Promise<void>((done, fail) => server.once("error", fail).listen(socketPath, done));
    prepareSocket();
  } catch (error) {
    await close();
    throw error;
  }
  return { uri: `unix:${socketPath}`, received, [Symbol.asyncDispose]: close };
}

/** Loads what {@link saveMemory} wrote into a QEMU that was started to wait for it. The guest does not run yet. */
export async function loadMemory(
  { session, socketPath, file }: Transfer,
  dial: (socketPath: string, signal: AbortSignal) => Promise<net.Socket>,
  signal: AbortSignal,
): Promise<void> {
  await enableMigrationEvents(session, signal);
  const outcome = migrationOutcome(session, signal);
  outcome.catch(() => {}); // the refusal below says more
  await session.execute("migrate-incoming", { uri: `unix:${socketPath}` }, {}, signal);
  const socket = await dial(socketPath, signal);
  // QEMU hangs up as soon as it has read enough, which looks like an error here: its word is what counts.
  pipeline(createReadStream(file), socket, { signal }).catch(() => {});
  await outcome;
}

export async function enableMigrationEvents(session: QmpSession, signal: AbortSignal): Promise<void> {
  await session.execute(
    "migrate-set-capabilities",
    { capabilities: [{ capability: "events", state: true }] },
    {},
    signal,
  );
}

/** Listens from now on; ends with the session, too. */
export function migrationOutcome(session: QmpSession, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const hear = (event: QmpEvent) => {
    if (event.event !== "MIGRATION") return;
    const { status } = event.data;
    if (status === "completed") resolve();
    if (status === "failed" || status === "cancelled")
      reject(new Fault("qmp.refused", `QEMU could not move the VM's memory (${status}).`));
  };
  const unlisten = session.onEvent(hear);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  void session.ended.then(({ fault }) => reject(fault));
  return promise.finally(() => {
    unlisten();
    signal.removeEventListener("abort", onAbort);
  });
}

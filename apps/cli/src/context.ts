import { type Client, waitForOperation } from "@serai/api-contract/client";
import type { Operation } from "@serai/model/operation";
import { connect, type Connection } from "./connection.ts";
import { OperationFailed } from "./exit-codes.ts";
import { plain } from "./terminal-text.ts";

export type GlobalOptions = { url?: string; socket?: string; json?: boolean };

/** What every command gets: where to ask, how to answer, and how to be cancelled. */
export type Context = {
  connection(): Promise<Connection>;
  client(): Promise<Client>;
  signal: AbortSignal;
  isJson: boolean;
  /** For people, on stdout. */
  say(text: string): void;
  /** For programs, on stdout; `text` for people. */
  show(value: unknown, text: () => string): void;
  /** Waits for an accepted request, shows its progress; Ctrl-C cancels it on the server. */
  finish(receipt: Operation, what: string): Promise<Operation>;
  close(): void;
};

export function createContext(options: GlobalOptions): Context {
  const abort = new AbortController();
  let opening: Promise<Connection> | undefined;
  const connection = () => (opening ??= connect(options));
  process.once("SIGINT", () => abort.abort(new DOMException("Cancelled with Ctrl-C.", "AbortError")));
  const isJson = options.json === true;
  const say = (text: string) => void process.stdout.write(`${text}\n`);
  return {
    connection,
    client: async () => (await connection()).client,
    signal: abort.signal,
    isJson,
    say,
    show: (value, text) => say(isJson ? JSON.stringify(value, undefined, 2) : text()),
    finish: async (receipt, what) => finish((await connection()).client, receipt, what, abort.signal),
    close: () => void opening?.then((open) => open.close()).catch(() => {}), // a failed opening was reported already
  };
}

async function finish(
  client: Client,
  receipt: Operation,
  what: string,
  signal: AbortSignal,
): Promise<Operation> {
  const isTerminal = process.stderr.isTTY;
  const onProgress = (now: Operation) => {
    if (!isTerminal) return;
    const share = now.progress === undefined ? "" : ` ${Math.floor(now.progress * 100)} %`;
    process.stderr.write(`\r\u001b[K${what}${share}${now.note === undefined ? "" : `: ${plain(now.note)}`}`);
  };
  try {
    const ended = await waitForOperation(client, receipt.id, { onProgress }, signal);
    if (ended.phase === "succeeded") return ended;
    throw new OperationFailed(
      `${what} ${ended.phase}: ${ended.fault?.message ?? ended.note ?? "no reason was given"}`,
    );
  } catch (error) {
    if (signal.aborted) await cancel(client, receipt.id);
    throw error;
  } finally {
    if (isTerminal) process.stderr.write("\r\u001b[K");
  }
}

async function cancel(client: Client, operation: string): Promise<void> {
  try {
    await client.call("cancelOperation", { params: { operation } }, AbortSignal.timeout(5000));
    process.stderr.write("Cancelled.\n");
  } catch (error) {
    process.stderr.write(
      `Left running as operation ${operation}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
  }
}

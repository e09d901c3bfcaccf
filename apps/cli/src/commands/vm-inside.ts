import { writeFile } from "node:fs/promises";
import { vmSerial } from "@serai/api-contract/routes/vms";
import { Fault } from "@serai/kit/fault";
import type { Context } from "../context.ts";
import { exitCodeOf } from "../exit-codes.ts";
import { parseWhole } from "../parse-values.ts";
import { openWebSocket } from "../web-socket.ts";

const ownFailure = 255;

/** Runs a program in the guest; the process's exit code becomes the program's. */
export async function execInVm(
  context: Context,
  vm: string,
  argv: string[],
  options: { timeout?: string; stdin?: boolean },
): Promise<void> {
  try {
    const seconds = options.timeout === undefined ? 60 : parseWhole(options.timeout, "--timeout", 1, 3600);
    const input = options.stdin === true ? (await readAll(process.stdin)).toString("base64") : undefined;
    const client = await context.client();
    const result = await client.call(
      "execInVm",
      {
        params: { vm },
        body: { argv, timeoutMs: seconds * 1000, ...(input !== undefined && { inputBase64: input }) },
      },
      context.signal,
    );
    if (context.isJson) context.show(result, () => "");
    else {
      process.stdout.write(Buffer.from(result.stdoutBase64, "base64"));
      process.stderr.write(Buffer.from(result.stderrBase64, "base64"));
      if (result.isTruncated)
        process.stderr.write("serai: the output was longer than the agent keeps; its end is missing\n");
    }
    process.exitCode = result.exitCode ?? 128 + (result.signal ?? 0);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    process.stderr.write(`serai: ${error.message}\n`);
    process.exitCode = exitCodeOf(error) === 130 ? 130 : ownFailure;
  }
}

async function readAll(stream: NodeJS.ReadStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

export async function screenshotVm(context: Context, vm: string, file: string | undefined): Promise<void> {
  const png: Uint8Array = await (
    await context.client()
  ).call("screenshotVm", { params: { vm } }, context.signal);
  const path = file ?? `${vm}.png`;
  if (path === "-") process.stdout.write(png);
  else {
    await writeFile(path, png);
    context.show({ file: path, bytes: png.length }, () => `Wrote ${path}.`);
  }
}

const detachByte = 0x1d; // Ctrl-]

/**
 * Joins this terminal to the VM's serial port until Ctrl-], the end of input, or the end of the stream.
 * Resolves with which of them it was.
 */
export async function openConsole(context: Context, vm: string): Promise<"detached" | "ended"> {
  const socket = await openWebSocket(
    await context.connection(),
    vmSerial,
    { params: { vm } },
    context.signal,
  );
  const { stdin, stdout } = process;
  const isTerminal = stdin.isTTY;
  if (isTerminal) {
    process.stderr.write(`Connected to the serial port of ${vm}; Ctrl-] leaves it.\r\n`);
    stdin.setRawMode(true);
  }
  try {
    return await new Promise((resolve, reject) => {
      socket.on("message", (data: Buffer) => {
        if (!stdout.write(data)) {
          socket.pause();
          stdout.once("drain", () => socket.resume());
        }
      });
      socket.once("close", () => resolve("ended"));
      socket.once("error", reject);
      context.signal.addEventListener("abort", () => resolve("detached"), { once: true });
      stdin.on("data", (chunk: Buffer) => {
        const at = isTerminal ? chunk.indexOf(detachByte) : -1;
        const rest = at === -1 ? chunk : chunk.subarray(0, at);
        if (rest.length > 0) socket.send(rest);
        if (at !== -1) resolve("detached");
      });
      if (!isTerminal) stdin.once("end", () => setTimeout(() => resolve("detached"), 500)); // let the answer to the last line arrive
    });
  } finally {
    if (isTerminal) stdin.setRawMode(false);
    stdin.removeAllListeners("data").pause();
    socket.close();
    if (isTerminal) process.stderr.write("\r\n");
  }
}

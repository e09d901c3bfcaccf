import { CommanderError } from "commander";
import { errorChain, Fault } from "@serai/kit/fault";
import { addCompletion } from "./completion.ts";
import { exitCodeOf, exitCodes, OperationFailed } from "./exit-codes.ts";
import { createProgram } from "./program.ts";
import { plain } from "./terminal-text.ts";

const program = createProgram();

try {
  await addCompletion(program, process.argv);
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}

/** Tells what went wrong, in a sentence or as JSON, and answers the exit code. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof DOMException && error.name === "AbortError") {
    return exitCodes.cancelled;
  }
  const isForeseen = error instanceof Fault || error instanceof OperationFailed;
  if (program.opts<{ json?: boolean }>().json === true) {
    const code =
      error instanceof Fault ? error.code : error instanceof OperationFailed ? "operation.failed" : "bug";
    const details = error instanceof Fault ? error.details : undefined;
    process.stderr.write(
      `${JSON.stringify({ code, message: messageOf(error), ...(details && { details }) })}\n`,
    );
  } else if (isForeseen) {
    process.stderr.write(`serai: ${plain(messageOf(error))}\n${candidates(error)}`);
  } else {
    process.stderr.write(`serai: this is a defect, please report it: ${errorChain(error)}\n`);
  }
  return exitCodeOf(error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function candidates(error: unknown): string {
  const list = error instanceof Fault ? error.details?.["candidates"] : undefined;
  if (!Array.isArray(list)) return "";
  return list.map((item) => `  ${plain(typeof item === "string" ? item : JSON.stringify(item))}\n`).join("");
}

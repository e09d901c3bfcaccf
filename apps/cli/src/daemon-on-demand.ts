import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open as openFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Fault } from "@serai/kit/fault";
import { withDeadline } from "@serai/kit/deadline";
import { findLocalSocket } from "./connection.ts";
import { userSocket, userStateDirectory } from "./places.ts";

const daemonMain = join(import.meta.dirname, "../../daemon/src/main.ts");

/**
 * The socket of a daemon that serves this user: one that runs already, else this user's own, started now. It needs
 * no root, listens on no port, and lives on when the command ends, for as long as its VMs do.
 */
export async function ensureDaemon(signal: AbortSignal): Promise<string> {
  const running = await findLocalSocket();
  if (running !== undefined) return running;
  const directory = userStateDirectory();
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const logPath = join(directory, "daemon.log");
  await using log = await openFile(logPath, "a", 0o600);
  const child = spawn(process.execPath, [daemonMain, "--hosted", "--state-dir", directory], {
    detached: true,
    stdio: ["ignore", "pipe", log.fd],
  });
  const { stdout } = child;
  if (stdout === null) throw new Error("the daemon's output was asked for as a pipe");
  const deadline = {
    ms: 60_000,
    code: "host.unreachable",
    message: `Your daemon did not get ready; ${logPath} says why.`,
  } as const;
  await withDeadline(deadline, signal, async () => {
    const ready = once(createInterface(stdout), "line");
    const ended = once(child, "exit").then(async () => {
      const words = (await readFile(logPath, "utf8")).trim().split("\n").at(-1) ?? "";
      throw new Fault("host.unreachable", `Your daemon did not start: ${lastMessage(words)}`);
    });
    ended.catch(() => {}); // once it is ready, its end is no concern of this command
    await Promise.race([ready, ended]);
  });
  stdout.destroy();
  child.unref();
  return userSocket();
}

/** Log lines are JSON; people get the message. */
function lastMessage(line: string): string {
  try {
    return (JSON.parse(line) as { msg?: string }).msg ?? line;
  } catch {
    return line;
  }
}

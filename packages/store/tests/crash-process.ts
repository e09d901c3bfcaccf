import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { type Acknowledged, acknowledge, nothingAcknowledged } from "./crash-lanes.ts";

export type CrashWriter = {
  child: ChildProcess;
  acknowledged: Acknowledged;
  /** The revision that the writer found when it opened the store. */
  foundRevision: number;
  /** Kills it, and waits until all it had said has been read. */
  kill: () => Promise<void>;
};

/** Starts a writer, and answers at its first acknowledged transaction. */
export async function startCrashWriter(
  path: string,
  cacheFolder: string,
  uid?: number,
): Promise<CrashWriter> {
  const script = fileURLToPath(new URL("./crash-writer.ts", import.meta.url));
  const child = spawn(process.execPath, [script, path], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: cacheFolder },
    ...(uid !== undefined && { uid, gid: uid }),
  });
  const acknowledged = nothingAcknowledged();
  const started = Promise.withResolvers<void>();
  let foundRevision = -1;
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    if (line.startsWith("opened ")) foundRevision = Number(line.slice(7));
    else if (/^lane\d \d+ \d+$/.test(line)) {
      acknowledge(acknowledged, line);
      started.resolve();
    }
  });
  const ended = Promise.all([once(child, "exit"), once(lines, "close")]);
  ended.then(() => started.reject(new Error("the writer ended before it wrote")), started.reject);
  await started.promise;
  const kill = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return { child, acknowledged, foundRevision, kill };
}

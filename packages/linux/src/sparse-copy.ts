import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, rm } from "node:fs/promises";
import process from "node:process";
import { Fault } from "@serai/kit/fault";

/**
 * Copies a file so that its holes stay holes and, where the file system can, no block is written at all (reflink).
 * Node's own copy fills the holes. All or nothing: a failed or cancelled copy leaves no target. A target that exists
 * already fails with EEXIST. There is no deadline, because a disk may be large: the signal ends it.
 */
export async function copySparse(source: string, target: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const claim = await open(target, "wx", 0o600); // cp alone would overwrite
  await claim.close();
  try {
    await runCopy(source, target, signal);
  } catch (error) {
    await rm(target, { force: true });
    throw error;
  }
}

async function runCopy(source: string, target: string, signal: AbortSignal): Promise<void> {
  const args = ["--sparse=always", "--reflink=auto", "--no-target-directory", "--", source, target];
  const env = { LC_ALL: "C", PATH: process.env["PATH"] };
  const copy = spawn("cp", args, { stdio: ["ignore", "ignore", "pipe"], env });
  const onAbort = () => copy.kill("SIGKILL");
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  let complaint = "";
  copy.stderr.setEncoding("utf8").on("data", (text: string) => (complaint = (complaint + text).slice(-500)));
  try {
    const [code] = (await once(copy, "close")) as [number | null];
    signal.throwIfAborted();
    if (code !== 0)
      throw new Fault(
        "linux.refused",
        `${source} could not be copied: ${complaint.trim() || "cp was killed"}.`,
      );
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

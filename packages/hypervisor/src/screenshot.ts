import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";
import { Fault } from "@serai/kit/fault";
import type { QmpSession } from "@serai/qmp/session";
import type { VmDirectory } from "./vm-directory.ts";

/** A screen of 8K in full colour, uncompressed. */
const limitBytes = 128 * 1024 * 1024;

/** The guest's screen as a PNG. */
export async function takeScreenshot(
  session: QmpSession,
  directory: VmDirectory,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const file = `${directory.screenshot}.${randomBytes(4).toString("hex")}`;
  try {
    await session.execute("screendump", { filename: file, format: "png" }, {}, signal);
    // A hostile QEMU may have put anything there: a link, a pipe, or more than fits into memory.
    await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { size } = await handle.stat();
    if (size > limitBytes)
      throw new Fault("vm.device_unavailable", "The VM's screen is larger than a screenshot may be.");
    return await handle.readFile({ signal });
  } finally {
    await rm(file, { force: true });
  }
}

import { constants } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";

/*
 * A volume folder is its QEMU's to write, and a hostile guest may own QEMU: no link in it is followed, no pipe waited
 * for, and nothing that it could say here harms anybody but itself.
 */

const fileName = "provisioned.json";
const limitBytes = 4096;

/** Notes that everything of this generation is there. Written last. */
export async function writeProvisionNote(folder: string, generation: number): Promise<void> {
  const part = join(folder, `${fileName}.part`);
  await rm(part, { recursive: true, force: true });
  await using file = await open(part, "wx", 0o600);
  await file.writeFile(JSON.stringify({ generation }));
  await rename(part, join(folder, fileName));
}

/** The generation that is complete; 0 when there is none. */
export async function readProvisionNote(folder: string): Promise<number> {
  try {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    await using file = await open(join(folder, fileName), flags);
    const { size } = await file.stat();
    if (size > limitBytes) return 0;
    const { generation } = JSON.parse(await file.readFile("utf8")) as { generation?: unknown };
    return typeof generation === "number" ? generation : 0;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not a note of ours: what it stood for is made again, and what is there stays as it is.
    if (code === "ENOENT" || code === "ELOOP" || error instanceof SyntaxError) return 0;
    throw error;
  }
}

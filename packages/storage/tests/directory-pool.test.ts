import { mkdtemp, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { directoryPool } from "@serai/storage/directory/directory-pool";
import { poolContract } from "@serai/storage/pool-contract";

poolContract("directory", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "serai-pool-"));
  t.after(() => rm(root, { recursive: true }));
  const baseImage = join(root, "base.raw");
  await writeFile(baseImage, Buffer.concat([Buffer.from("base"), Buffer.alloc(4 * 1024 * 1024 - 4)]));
  await mkdir(join(root, "pool"));
  return { pool: directoryPool("default", join(root, "pool")), baseImage };
});

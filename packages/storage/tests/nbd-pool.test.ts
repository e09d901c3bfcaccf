import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nbdPool } from "@serai/storage/nbd/nbd-pool";
import { startNbdServer } from "@serai/storage/nbd/nbd-server";
import { poolContract } from "@serai/storage/pool-contract";
import { connectMonitor } from "./monitor-client.ts";

const { signal } = new AbortController();

poolContract("nbd", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "serai-nbd-"));
  const directory = join(root, "pool");
  for (const name of ["pool", "run"]) await mkdir(join(root, name));
  const server = await startNbdServer({ runDirectory: join(root, "run"), connect: connectMonitor }, signal);
  t.after(async () => {
    await server[Symbol.asyncDispose]();
    await rm(root, { recursive: true });
  });
  const baseImage = join(root, "base.raw");
  await writeFile(baseImage, Buffer.concat([Buffer.from("base"), Buffer.alloc(4 * 1024 * 1024 - 4)]));
  const seenFrom = (host: string) => nbdPool({ name: "shared", directory, host, server });
  return {
    pool: seenFrom("here"),
    elsewhere: seenFrom("elsewhere"),
    baseImage,
    fence: (host) => server.fence(host, signal),
  };
});

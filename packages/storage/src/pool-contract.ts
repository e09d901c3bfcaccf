import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import test, { type TestContext } from "node:test";
import { poll } from "@serai/kit/deadline";
import { isFault } from "@serai/kit/fault";
import type { Pool, VolumeLocation } from "./pool.ts";

const MiB = 1024 * 1024;
const vm = "vm-000000000001";
const disk = "root";

export type PoolWorld<Location extends VolumeLocation> = {
  pool: Pool<Location>;
  /** A raw file of 4 MiB that begins with "base". */
  baseImage: string;
  /** The same storage as another host sees it, where a pool has several. */
  elsewhere?: Pool<Location>;
  fence?: (host: "here" | "elsewhere") => Promise<unknown>;
};

/** How QEMU's tools open what a pool attached. */
function toolOptions(location: VolumeLocation): string[] {
  if ("path" in location)
    return ["--image-opts", `driver=${location.format},file.driver=file,file.filename=${location.path}`];
  const { socketPath, exportName } = location.nbd;
  return [
    "--image-opts",
    `driver=raw,file.driver=nbd,file.server.type=unix,file.server.path=${socketPath},file.export=${exportName}`,
  ];
}

const sizeOf = (location: VolumeLocation): number =>
  (
    JSON.parse(
      execFileSync("qemu-img", ["info", "-U", "--output=json", ...toolOptions(location)], {
        encoding: "utf8",
        stdio: "pipe",
      }),
    ) as {
      "virtual-size": number;
    }
  )["virtual-size"];

const io = (location: VolumeLocation, command: string): string =>
  execFileSync("qemu-io", [...toolOptions(location), "-c", command], { encoding: "utf8", stdio: "pipe" });

/** What every storage driver promises; a driver's test calls it with a way to make a fresh pool. */
export function poolContract<Location extends VolumeLocation>(
  name: string,
  open: (t: TestContext) => Promise<PoolWorld<Location>>,
): void {
  const { signal } = new AbortController();

  test(`${name}: a blank volume has its size and its place`, async (t) => {
    const { pool } = await open(t);

    const made = await pool.createVolume({ vm, disk, sizeBytes: 32 * MiB }, signal);

    assert.deepEqual(made, pool.locate(vm, disk));
    assert.deepEqual(await pool.attach(vm, disk, signal), made);
    assert.equal(sizeOf(made), 32 * MiB);
    assert.deepEqual(await pool.owners(signal), [vm]);
  });

  test(`${name}: a volume made from an image shows the image's content, grown to its own size`, async (t) => {
    const { pool, baseImage } = await open(t);
    const base = { path: baseImage, format: "raw" as const, virtualSizeBytes: 4 * MiB };

    await pool.createVolume({ vm, disk, sizeBytes: 8 * MiB, base }, signal);

    const location = await pool.attach(vm, disk, signal);
    assert.equal(sizeOf(location), 8 * MiB);
    assert.match(io(location, "read -v 0 16"), /base/);
  });

  test(`${name}: making a volume again keeps what is in it`, async (t) => {
    const { pool } = await open(t);
    await pool.createVolume({ vm, disk, sizeBytes: MiB }, signal);
    io(await pool.attach(vm, disk, signal), "write -P 0x6d 0 512");

    await pool.createVolume({ vm, disk, sizeBytes: MiB }, signal);

    assert.match(io(await pool.attach(vm, disk, signal), "read -v 0 16"), /mmmm/);
  });

  test(`${name}: what was never made cannot be attached`, async (t) => {
    const { pool } = await open(t);

    await assert.rejects(pool.attach(vm, disk, signal), (error) => isFault(error, "volume.not_found"));
  });

  test(`${name}: a detached volume grows, keeps its content, and never shrinks`, async (t) => {
    const { pool } = await open(t);
    await pool.createVolume({ vm, disk, sizeBytes: 2 * MiB }, signal);
    io(await pool.attach(vm, disk, signal), "write -P 0x6d 0 512");
    await pool.detach(vm, disk, signal);

    await pool.growVolume(vm, disk, 6 * MiB, signal);
    await pool.growVolume(vm, disk, 3 * MiB, signal);

    const location = await pool.attach(vm, disk, signal);
    assert.equal(sizeOf(location), 6 * MiB);
    assert.match(io(location, "read -v 0 16"), /mmmm/);
  });

  test(`${name}: a volume that is written to is locked: it does not grow, and has no second writer`, async (t) => {
    const { pool, elsewhere } = await open(t);
    await pool.createVolume({ vm, disk, sizeBytes: 2 * MiB }, signal);
    const location = await pool.attach(vm, disk, signal);
    const writer = spawn("qemu-io", toolOptions(location), { stdio: ["pipe", "pipe", "ignore"] });
    t.after(() => writer.kill("SIGKILL"));
    writer.stdin.write("write -P 1 0 512\n");
    await once(writer.stdout, "data");

    await assert.rejects(pool.growVolume(vm, disk, 6 * MiB, signal), (error) =>
      isFault(error, "volume.locked"),
    );
    if (elsewhere === undefined) assert.throws(() => io(location, "write -P 2 0 512"), /lock/);
    else await assert.rejects(elsewhere.attach(vm, disk, signal), (error) => isFault(error, "volume.locked"));
  });

  test(`${name}: a fenced host writes no more and is not let in again; another takes over what was written`, async (t) => {
    const { pool, elsewhere, fence } = await open(t);
    assert.equal(pool.can.fencing, fence !== undefined, "it declares what it can");
    if (elsewhere === undefined || fence === undefined) return; // that it says so is all there is to it
    await pool.createVolume({ vm, disk, sizeBytes: 2 * MiB }, signal);
    const location = await pool.attach(vm, disk, signal);
    const writer = spawn("qemu-io", toolOptions(location), { stdio: ["pipe", "pipe", "pipe"] });
    t.after(() => writer.kill("SIGKILL"));
    let words = "";
    writer.stdout.on("data", (chunk) => (words += String(chunk)));
    const ended = once(writer, "exit");
    writer.stdin.write("write -P 0x61 0 4k\nflush\n");
    await poll(
      { ms: 10_000, everyMs: 5, code: "request.timeout", message: "nothing was written" },
      signal,
      () => /wrote 4096/.exec(words) ?? undefined,
    );

    await fence("here");
    const taken = await elsewhere.attach(vm, disk, signal);
    writer.stdin.end("write -P 0x62 0 4k\nflush\nquit\n");

    assert.match(io(taken, "read -v 0 16"), /aaaa/);
    await ended;
    assert.equal(words.match(/wrote 4096/g)?.length, 1, words);
    assert.match(io(taken, "read -v 0 16"), /aaaa/);
    assert.throws(() => io(location, "read 0 512"));
    await assert.rejects(pool.attach(vm, disk, signal), (error) => isFault(error, "volume.locked"));
  });

  test(`${name}: removing a VM's volumes leaves nothing, and may be repeated`, async (t) => {
    const { pool } = await open(t);
    await pool.createVolume({ vm, disk, sizeBytes: MiB }, signal);
    await pool.attach(vm, disk, signal);

    await pool.removeVolumes(vm, signal);
    await pool.removeVolumes(vm, signal);

    assert.deepEqual(await pool.owners(signal), []);
  });

  test(`${name}: reports space`, async (t) => {
    const { pool } = await open(t);

    const { capacityBytes, availableBytes } = await pool.space(signal);

    assert.ok(availableBytes > 0 && availableBytes <= capacityBytes);
  });
}

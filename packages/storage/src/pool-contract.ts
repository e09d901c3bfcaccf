import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import test, { type TestContext } from "node:test";
import type { Pool } from "./pool.ts";

const MiB = 1024 * 1024;
const vm = "vm-000000000001";

type PoolWorld = { pool: Pool; /** A raw file of 4 MiB that begins with "base". */ baseImage: string };

/** What every storage driver promises; a driver's test calls it with a way to make a fresh pool. */
export function poolContract(name: string, open: (t: TestContext) => Promise<PoolWorld>): void {
  const { signal } = new AbortController();
  const sizeOf = (path: string): number =>
    (JSON.parse(execFileSync("qemu-img", ["info", "--output=json", path], { encoding: "utf8" })) as { "virtual-size": number })["virtual-size"];
  const begins = (path: string): string =>
    execFileSync("qemu-io", ["-r", "-f", "qcow2", "-c", "read -v 0 16", path], { encoding: "utf8" });

  test(`${name}: a blank volume has its size and its place`, async (t) => {
    const { pool } = await open(t);

    const made = await pool.createVolume({ vm, disk: "root", sizeBytes: 32 * MiB }, signal);

    assert.deepEqual(made, pool.locate(vm, "root"));
    assert.equal(sizeOf(made.path), 32 * MiB);
    assert.deepEqual(await pool.owners(signal), [vm]);
  });

  test(`${name}: a volume made from an image shows the image's content, grown to its own size`, async (t) => {
    const { pool, baseImage } = await open(t);
    const base = { path: baseImage, format: "raw" as const, virtualSizeBytes: 4 * MiB };

    const made = await pool.createVolume({ vm, disk: "root", sizeBytes: 8 * MiB, base }, signal);

    assert.equal(sizeOf(made.path), 8 * MiB);
    assert.match(begins(made.path), /base/);
  });

  test(`${name}: making a volume again keeps what is in it`, async (t) => {
    const { pool } = await open(t);
    const { path } = await pool.createVolume({ vm, disk: "root", sizeBytes: MiB }, signal);
    execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -P 0x6d 0 512", path]);

    await pool.createVolume({ vm, disk: "root", sizeBytes: MiB }, signal);

    assert.match(begins(path), /mmmm/);
  });

  test(`${name}: removing a VM's volumes leaves nothing, and may be repeated`, async (t) => {
    const { pool } = await open(t);
    await pool.createVolume({ vm, disk: "root", sizeBytes: MiB }, signal);

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

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import test, { after, before } from "node:test";
import { waitForOperation } from "@serai/api-contract/client";
import { poll } from "@serai/kit/deadline";
import { isFault } from "@serai/kit/fault";
import type { ImportFormat } from "@serai/model/image-format";
import type { Operation } from "@serai/model/operation";
import { startDaemon, type TestDaemon } from "../harness/daemon.ts";

const MiB = 1024 * 1024;
/** A boot sector that writes what follows it to the serial port, and halts. */
const bootCode = "fc31c08ed8baf803be177cac84c07403eeebf8f4ebfd90";
const words = "BOOTED-FROM-FOREIGN-DISK";
const patience = () => AbortSignal.timeout(60_000);

let daemon: TestDaemon;
let folder: string;
let raw: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "serai-foreign-"));
  raw = join(folder, "disk.raw");
  const disk = Buffer.alloc(8 * MiB);
  Buffer.concat([Buffer.from(bootCode, "hex"), Buffer.from(`\r\n${words}\r\n\0`)]).copy(disk);
  disk.writeUInt16LE(0xaa55, 510);
  disk.fill(0x5e, 4 * MiB, 4 * MiB + 70_000);
  await writeFile(raw, disk);
  daemon = await startDaemon();
});

after(async () => {
  await daemon[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function ended(receipt: Operation): Promise<void> {
  const operation = await waitForOperation(daemon.client, receipt.id, {}, patience());
  assert.equal(operation.phase, "succeeded", JSON.stringify(operation.fault));
}

async function bringIn(name: string, file: string, format: ImportFormat): Promise<string> {
  const source = { kind: "upload", format, sizeBytes: (await stat(file)).size } as const;
  const receipt = await daemon.client.call("createImage", { body: { name, source } }, patience());
  const image = receipt.target.id;
  await daemon.client.call("uploadImage", { params: { image }, body: createReadStream(file) }, patience());
  await ended(receipt);
  return image;
}

/** Starts a VM, waits for its boot sector's words, and stops it. */
async function boots(vm: string): Promise<void> {
  const receipt = await daemon.client.call("startVm", { params: { vm } }, patience());
  await ended(receipt);
  const log = join(daemon.stateDirectory, "host/vms", receipt.target.id, "qemu/serial.log");
  const deadline = {
    ms: 60_000,
    everyMs: 50,
    code: "request.timeout",
    message: `${vm} did not boot`,
  } as const;
  await poll(deadline, patience(), async () =>
    (await readFile(log, "utf8").catch(() => "")).includes(words) ? true : undefined,
  );
  await ended(await daemon.client.call("stopVm", { params: { vm }, body: { force: true } }, patience()));
}

async function takeOut(vm: string, format: "ova" | "raw"): Promise<string> {
  const file = join(folder, `${vm}.${format}`);
  const download = await daemon.client.download(
    "exportVm",
    { params: { vm }, query: { format } },
    patience(),
  );
  await pipeline(download.body, createWriteStream(file));
  assert.equal((await stat(file)).size, download.sizeBytes);
  return file;
}

for (const format of ["vmdk", "vhdx", "vpc", "vdi"] as const) {
  test(`a ${format} is imported, boots, and leaves again with the same content`, async () => {
    const file = join(folder, `in.${format}`);
    const options = format === "vpc" ? ["-o", "force_size=on"] : [];
    execFileSync("qemu-img", ["convert", "-f", "raw", "-O", format, ...options, raw, file]);

    const image = await bringIn(`from-${format}`, file, format);
    const spec = { name: `vm-${format}`, memoryBytes: 32 * MiB, disks: [{ name: "root", image }] };
    await ended(await daemon.client.call("createVm", { body: spec }, patience()));
    await boots(spec.name);

    execFileSync("cmp", [raw, await takeOut(spec.name, "raw")]);
  });
}

test("a VM leaves as OVA, comes back as an appliance, and the VM that it proposes boots", async () => {
  const file = await takeOut("vm-vmdk", "ova");

  const image = await bringIn("from-ova", file, "ova");
  const { appliance } = await daemon.client.call("getImage", { params: { image } }, patience());
  assert.ok(appliance !== undefined);
  const spec = { ...appliance.spec, name: "vm-ova" };
  await ended(await daemon.client.call("createVm", { body: spec }, patience()));
  await boots("vm-ova");

  assert.equal(spec.memoryBytes, 32 * MiB);
  execFileSync("cmp", [raw, await takeOut("vm-ova", "raw")]);
});

test("a VM that runs is not exported, and a reader that leaves early costs nothing", async () => {
  const vm = "vm-vhdx";
  await ended(await daemon.client.call("startVm", { params: { vm } }, patience()));
  await assert.rejects(takeOut(vm, "raw"), (error) => isFault(error, "vm.wrong_state"));
  await ended(await daemon.client.call("stopVm", { params: { vm }, body: { force: true } }, patience()));

  const download = await daemon.client.download(
    "exportVm",
    { params: { vm }, query: { format: "raw" } },
    patience(),
  );
  for await (const _chunk of download.body) break;

  const exports = join(daemon.stateDirectory, "host/exports");
  const deadline = {
    ms: 10_000,
    everyMs: 20,
    code: "request.timeout",
    message: "an export was left behind",
  } as const;
  await poll(deadline, patience(), () =>
    execFileSync("ls", [exports], { encoding: "utf8" }) === "" ? true : undefined,
  );
});

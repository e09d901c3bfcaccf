import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFile, mkdtempDisposable, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { isFault } from "@serai/kit/fault";
import { statSync, readFileSync } from "node:fs";
import { startLog, trimLog } from "../src/serial/log-file.ts";
import { SerialHub } from "../src/serial/serial-hub.ts";
import { watchLog } from "../src/serial/watch-log.ts";
import { DriverFixture, eventually, patience } from "./fixture.ts";

/** A socket pair: what is written to `guest` arrives at the hub. */
async function serialPort(): Promise<AsyncDisposable & { guest: net.Socket; port: net.Socket }> {
  const folder = await mkdtempDisposable(join(tmpdir(), "serai-serial-"));
  const server = net.createServer();
  server.listen(join(folder.path, "s"));
  const connected = once(server, "connection") as Promise<[net.Socket]>;
  const port = net.connect(join(folder.path, "s"));
  const [guest] = await connected;
  return {
    guest,
    port,
    async [Symbol.asyncDispose]() {
      guest.destroy();
      port.destroy();
      server.close();
      await folder.remove();
    },
  };
}

test("every reader of the serial port begins with the recent past and sees the same", async () => {
  await using line = await serialPort();
  using hub = new SerialHub(line.port, Buffer.from("earlier "), () => {});
  const first = hub.open(patience());
  let seen = "";
  first.on("data", (chunk: Buffer) => (seen += chunk.toString()));
  line.guest.write("boot ");
  await eventually("the first bytes", () => seen === "earlier boot " || undefined);
  let late = "";
  hub.open(patience()).on("data", (chunk: Buffer) => (late += chunk.toString()));
  line.guest.write("login:");

  await eventually("both readers", () => (seen === "earlier boot login:" && late === seen) || undefined);

  const heard = once(line.guest, "data") as Promise<[Buffer]>;
  first.write("root\n");
  assert.equal((await heard)[0].toString(), "root\n");
});

test("a reader that does not read neither stalls the guest nor grows, and is told what it missed", async () => {
  await using line = await serialPort();
  let total = 0;
  using hub = new SerialHub(line.port, Buffer.alloc(0), (count) => (total += count));
  const slow = hub.open(patience());
  const sent = 4 * 1024 * 1024;

  for (let at = 0; at < sent; at += 65536) line.guest.write(Buffer.alloc(65536, 0x61));
  await eventually("the guest's bytes", () => total === sent || undefined);
  assert.ok(slow.readableLength <= 256 * 1024, `${slow.readableLength} bytes are waiting`);

  let text = "";
  slow.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await eventually("an empty buffer", () => slow.readableLength === 0 || undefined);
  line.guest.write("end");
  await eventually(
    "the note and the end",
    () => /\[\d{7} bytes were skipped\]\r\nend$/.test(text) || undefined,
  );
});

test("the past is bounded", async () => {
  await using line = await serialPort();
  let total = 0;
  using hub = new SerialHub(line.port, Buffer.alloc(0), (count) => (total += count));
  line.guest.write(Buffer.alloc(1024 * 1024, 0x62));
  await eventually("the guest's bytes", () => total === 1024 * 1024 || undefined);

  const reader = hub.open(patience());

  assert.ok(
    reader.readableLength <= 128 * 1024 && reader.readableLength >= 64 * 1024,
    `${reader.readableLength}`,
  );
});

test("a log that grew too long is emptied, and its end kept", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "serai-log-"));
  const file = join(folder.path, "serial.log");
  await writeFile(file, `${"x".repeat(10_000)}the end`);

  trimLog(file, 20_000);
  assert.equal(statSync(file).size, 10_007);
  trimLog(file, 4_000);

  assert.equal(statSync(file).size, 0);
  assert.ok(readFileSync(`${file}.1`, "utf8").endsWith("the end"));
  await writeFile(file, "next");
  startLog(file);
  assert.equal(readFileSync(`${file}.1`, "utf8"), "next");
});

test("QEMU's own log is kept short while QEMU writes it", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "serai-log-"));
  const file = join(folder.path, "qemu.log");
  await writeFile(file, "");
  using _watch = watchLog(file, 10_000);

  await appendFile(file, "y".repeat(20_000));

  await eventually("a short log", () => statSync(file).size === 0 || undefined);
});

test("a screenshot is a valid PNG of the guest's screen", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan({ display: "vga" }), patience());

  const png = Buffer.from(await driver.screenshot(patience()));

  assert.equal(png.subarray(0, 8).toString("latin1"), "\x89PNG\r\n\x1a\n");
  assert.equal(png.subarray(12, 16).toString("latin1"), "IHDR");
  assert.equal(png.readUInt32BE(29), crc32(png.subarray(12, 29)));
  assert.ok(png.readUInt32BE(16) >= 320 && png.readUInt32BE(20) >= 200);
});

test("the display speaks VNC, to several viewers at once", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan({ display: "vga" }), patience());

  for (const _viewer of [1, 2]) {
    const stream = await driver.openStream("display", patience());
    const [greeting] = (await once(stream, "data")) as [Buffer];
    assert.match(greeting.toString("latin1"), /^RFB 003\.008\n/);
    stream.destroy();
  }
});

test("a VM without a display has neither screen nor screenshot, and says so", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(world.plan({ display: "none" }), patience());

  await assert.rejects(driver.screenshot(patience()), (error) => isFault(error, "vm.device_unavailable"));
  await assert.rejects(driver.openStream("display", patience()), (error) =>
    isFault(error, "vm.device_unavailable"),
  );
});

test("usage tells memory and processor time", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  assert.equal(await driver.usage(), undefined);
  await driver.launch(world.plan(), patience());

  const usage = await driver.usage();

  assert.ok(usage !== undefined && usage.residentBytes > 10 * 1024 * 1024);
  assert.equal(usage.guestMemoryBytes, 64 * 1024 * 1024);
});

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { isFault } from "@serai/kit/fault";
import type { CatalogueEntry, CatalogueProof } from "../src/images/catalogue.ts";
import { admin, controlWorld, type ControlWorld } from "../src/testing/control-world.ts";

const signal = AbortSignal.timeout(120_000);
const context = { actor: admin };
const content = randomBytes(3 * 1024 * 1024);
const sha256 = createHash("sha256").update(content).digest("hex");

type Vendor = AsyncDisposable & {
  url: string;
  files: Map<string, Buffer>;
  breakAfter: number;
  ranges: string[];
};

/** A web server with a few files, ranges, and a habit of breaking off. */
async function vendor(): Promise<Vendor> {
  const files = new Map([["/disk.img", content]]);
  const server = createServer((request, response) => {
    const file = files.get(request.url ?? "");
    if (file === undefined) return response.writeHead(404).end();
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
    const from = Number(range?.[1] ?? 0);
    if (range !== null) self.ranges.push(range[0]);
    const headers = { etag: '"1"', "content-length": file.length - from };
    if (range === null) response.writeHead(200, headers);
    else
      response.writeHead(206, {
        ...headers,
        "content-range": `bytes ${from}-${file.length - 1}/${file.length}`,
      });
    if (self.breakAfter === 0) return response.end(file.subarray(from));
    response.write(file.subarray(from, from + self.breakAfter), () =>
      setTimeout(() => response.destroy(), 50),
    );
    self.breakAfter = 0;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const self: Vendor = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    files,
    breakAfter: 0,
    ranges: [],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;
}

const entryOf = (url: string, proof: CatalogueProof): CatalogueEntry => ({
  name: "disk",
  title: "A disk",
  url: `${url}/disk.img`,
  format: "raw",
  proof,
  guest: { family: "linux", title: "A disk", firmware: [], hasAgent: false, minMemoryBytes: 0 },
});

async function pulled(world: ControlWorld) {
  const request = { name: "disk", source: { kind: "catalogue", name: "disk" } } as const;
  return world.ended(await world.services.images.declare(request, context, signal));
}

const phase = (world: ControlWorld): string =>
  JSON.parse(world.services.images.get("disk", admin).json).phase;

async function* chunks(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
}

test("an upload may be interrupted and goes on where it was", async () => {
  await using world = await controlWorld();
  const source = { kind: "upload", format: "raw", sizeBytes: content.length } as const;
  const operation = await world.services.images.declare({ name: "disk", source }, context, signal);
  const half = content.length / 2;

  await world.services.images.receive(
    "disk",
    { offset: 0, chunks: chunks(content.subarray(0, half)) },
    admin,
    signal,
  );
  await assert.rejects(
    world.services.images.receive("disk", { offset: 0, chunks: chunks(content) }, admin, signal),
    (error) => isFault(error, "request.precondition_failed") && error.details?.["receivedBytes"] === half,
  );
  await world.restart();
  await world.services.images.receive(
    "disk",
    { offset: half, chunks: chunks(content.subarray(half)) },
    admin,
    signal,
  );

  assert.equal((await world.ended(operation)).phase, "succeeded");
  assert.equal(phase(world), "ready");
});

test("more than was declared is refused", async () => {
  await using world = await controlWorld();
  const source = { kind: "upload", format: "raw", sizeBytes: 1024 } as const;
  await world.services.images.declare({ name: "disk", source }, context, signal);

  await assert.rejects(
    world.services.images.receive("disk", { offset: 0, chunks: chunks(content) }, admin, signal),
    (error) => isFault(error, "request.too_large"),
  );
});

test("a pull goes on where it broke off, and is proved by its checksum", async () => {
  await using web = await vendor();
  web.breakAfter = 1024 * 1024;
  await using world = await controlWorld({
    catalogue: [entryOf(web.url, { algorithm: "sha256", digest: sha256 })],
  });

  const end = await pulled(world);

  assert.equal(end.phase, "succeeded", JSON.stringify(end));
  assert.equal(web.ranges.length, 1);
  assert.equal(phase(world), "ready");
});

test("content that is not what was published is refused and thrown away", async () => {
  await using web = await vendor();
  await using world = await controlWorld({
    catalogue: [entryOf(web.url, { algorithm: "sha256", digest: "0".repeat(64) })],
  });

  const end = await pulled(world);

  assert.equal(end.fault?.code, "image.checksum_mismatch");
  assert.equal(phase(world), "failed");
  assert.deepEqual(await readdir(join(world.directory, "spool")), []);
});

test("what is not there fails at once", async () => {
  await using web = await vendor();
  web.files.clear();
  await using world = await controlWorld({
    catalogue: [entryOf(web.url, { algorithm: "sha256", digest: sha256 })],
  });

  assert.equal((await pulled(world)).fault?.code, "image.download_failed");
});

/** A key of its own, and the list of checksums that it signed. */
async function signedList(folder: string): Promise<{ keyring: string; list: Buffer; signature: Buffer }> {
  const run = promisify(execFile);
  const gpg = (...args: string[]) =>
    run("gpg", ["--homedir", folder, "--batch", "--pinentry-mode", "loopback", "--passphrase", "", ...args], {
      encoding: "buffer",
    });
  const list = Buffer.from(`${sha256} *disk.img\n`);
  await writeFile(join(folder, "list"), list);
  await gpg("--quick-generate-key", "vendor@example.org", "ed25519", "sign", "never");
  const { stdout: key } = await gpg("--export");
  const keyring = join(folder, "vendor.gpg");
  await writeFile(keyring, key);
  const { stdout: signature } = await gpg("--armor", "--output", "-", "--detach-sign", join(folder, "list"));
  await run("gpgconf", ["--homedir", folder, "--kill", "all"]);
  return { keyring, list, signature };
}

test("a signed list of checksums is believed only with its vendor's signature", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gpg-"));
  try {
    await using web = await vendor();
    const { keyring, list, signature } = await signedList(folder);
    web.files.set("/SUMS", list).set("/SUMS.gpg", signature);
    const proof = {
      algorithm: "sha256",
      url: `${web.url}/SUMS`,
      signature: { url: `${web.url}/SUMS.gpg`, keyring },
    } as const;
    await using world = await controlWorld({ catalogue: [entryOf(web.url, proof)] });

    assert.equal((await pulled(world)).phase, "succeeded");
    await world.ended(await world.services.images.delete("disk", context, signal));
    web.files.set("/SUMS", Buffer.from(`${sha256} *disk.img\n# changed\n`));
    assert.equal((await pulled(world)).fault?.code, "image.signature_invalid");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a download that is not wanted any more is broken off and leaves nothing", async () => {
  await using web = await vendor();
  await using world = await controlWorld({
    catalogue: [entryOf(web.url, { algorithm: "sha256", digest: sha256 })],
  });
  const request = { name: "disk", source: { kind: "catalogue", name: "disk" } } as const;
  const operation = await world.services.images.declare(request, context, signal);

  await world.services.operations.cancel(operation.id, admin, signal).catch(() => {}); // it may have been faster

  const end = await world.ended(operation);
  if (end.phase === "cancelled")
    await world.until("gone", () => world.services.images.list({}, admin).items.length === 0);
  assert.notEqual(end.phase, "failed");
});

test("an image that a VM uses cannot be deleted; then it can", async () => {
  await using world = await controlWorld();
  const declared = await world.services.images.declare(
    { name: "tiny", source: { kind: "builtin", name: "tiny" } },
    context,
    signal,
  );
  await world.ended(declared);
  await world.ended(
    await world.services.vms.create({ name: "web", kernel: { image: "tiny" } }, {}, context, signal),
  );

  await assert.rejects(world.services.images.delete("tiny", context, signal), (error) =>
    isFault(error, "image.in_use"),
  );
  await world.ended(await world.services.vms.delete("web", {}, context, signal));
  const end = await world.ended(await world.services.images.delete("tiny", context, signal));

  assert.equal(end.phase, "succeeded");
  assert.deepEqual(world.host.holdings().images, []);
});

import assert from "node:assert/strict";
import test from "node:test";
import { isFault } from "@serai/kit/fault";
import fc from "fast-check";
import type { StoredFormat } from "@serai/model/image-format";
import { headerBytes, readImageHeader } from "./image-header.ts";

const GiB = 1024 ** 3;

/** A valid qcow2 header for an empty disk; fields can be overwritten by offset. */
function qcow2(fields: { at: number; u32?: number; u64?: bigint }[] = []): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x514649fb);
  view.setUint32(4, 3);
  view.setUint32(20, 16);
  view.setBigUint64(24, BigInt(GiB));
  view.setUint32(36, 2);
  view.setUint32(100, 104);
  for (const { at, u32, u64 } of fields) {
    if (u32 !== undefined) view.setUint32(at, u32);
    if (u64 !== undefined) view.setBigUint64(at, u64);
  }
  return bytes;
}

const starting = (text: string, at = 0): Uint8Array => {
  const bytes = Buffer.alloc(headerBytes);
  bytes.write(text, at, "latin1");
  return bytes;
};

const hostile: [string, StoredFormat, Uint8Array, RegExp][] = [
  ["a backing file", "qcow2", qcow2([{ at: 8, u64: 512n }]), /backing file/],
  ["an external data file", "qcow2", qcow2([{ at: 72, u64: 4n }]), /another file/],
  ["a claim of 500 TiB", "qcow2", qcow2([{ at: 24, u64: 500n * 1024n ** 4n }]), /claims/],
  ["tables far too large", "qcow2", qcow2([{ at: 36, u32: 0xffffffff }]), /tables/],
  ["clusters of 2 GiB", "qcow2", qcow2([{ at: 20, u32: 31 }]), /cluster size/],
  ["a thousand snapshots", "qcow2", qcow2([{ at: 60, u32: 1000 }]), /snapshots/],
];
for (const [what, format, header, message] of hostile) {
  test(`an image with ${what} is refused as hostile`, () => {
    assert.throws(
      () => readImageHeader(header, headerBytes, format),
      (error) => isFault(error, "image.hostile") && message.test(error.message),
    );
  });
}

const unreadable: [string, StoredFormat, Uint8Array, number][] = [
  ["a qcow2 declared as raw", "raw", qcow2(), headerBytes],
  [
    "a VMDK descriptor declared as raw",
    "raw",
    starting('# Disk DescriptorFile\nRW 1 FLAT "/etc/shadow" 0'),
    headerBytes,
  ],
  ["a VHDX declared as raw", "raw", starting("vhdxfile"), headerBytes],
  ["a VDI declared as raw", "raw", starting("\x7f\x10\xda\xbe", 64), headerBytes],
  ["text declared as qcow2", "qcow2", starting("hello"), headerBytes],
  ["an encrypted qcow2", "qcow2", qcow2([{ at: 32, u32: 2 }]), headerBytes],
  ["unknown qcow2 features", "qcow2", qcow2([{ at: 72, u64: 1n << 40n }]), headerBytes],
  ["half a sector", "raw", starting(""), 700],
  ["nothing at all", "raw", new Uint8Array(0), 0],
  ["a raw disk declared as iso", "iso", starting(""), headerBytes],
];
for (const [what, format, header, bytes] of unreadable) {
  test(`${what} is refused as unreadable`, () => {
    assert.throws(
      () => readImageHeader(header, bytes, format),
      (error) => isFault(error, "image.unreadable"),
    );
  });
}

test("plain images are read", () => {
  const iso = starting("CD001", 0x8001);

  assert.deepEqual(readImageHeader(qcow2(), headerBytes, "qcow2"), {
    format: "qcow2",
    virtualSizeBytes: GiB,
  });
  assert.deepEqual(readImageHeader(starting(""), 5 * 512, "raw"), { format: "raw", virtualSizeBytes: 2560 });
  assert.deepEqual(readImageHeader(iso, 4096 * 512, "iso"), { format: "iso", virtualSizeBytes: 4096 * 512 });
});

test("whatever the bytes are, a header is read or refused with a fault", () => {
  const format = fc.constantFrom<StoredFormat>("raw", "qcow2", "iso");
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ minLength: 100, maxLength: 200 }).map((tail) => {
      const header = qcow2();
      header.set(tail, 4);
      return header;
    }),
  );

  fc.assert(
    fc.property(bytes, fc.nat(1 << 20), format, (header, size, declared) => {
      try {
        assert.ok(readImageHeader(header, size, declared).virtualSizeBytes > 0);
      } catch (error) {
        assert.ok(isFault(error), String(error));
      }
    }),
  );
});

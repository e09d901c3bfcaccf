import assert from "node:assert/strict";
import test from "node:test";
import { isFault } from "@serai/kit/fault";
import fc from "fast-check";
import { byteSourceOf, type ByteSource } from "./byte-source.ts";
import { crc32c } from "./crc32c.ts";
import { readVdi } from "./vdi.ts";
import { readVhdx } from "./vhdx.ts";
import { readVmdk } from "./vmdk.ts";
import { readVpc } from "./vpc.ts";

/** The beginning of each format, so that what follows is looked at. */
const parsers: readonly [string, (source: ByteSource) => Promise<number>, (bytes: Buffer) => void][] = [
  ["vmdk", readVmdk, (bytes) => bytes.write("KDMV\x01\0\0\0", 0, "latin1")],
  ["vmdk descriptor", readVmdk, (bytes) => bytes.write("# Disk DescriptorFile\n")],
  ["vdi", readVdi, (bytes) => bytes.write("\x7f\x10\xda\xbe\x01\0\x01\0", 64, "latin1")],
  ["vpc", readVpc, withFooter],
  ["vhdx", readVhdx, withHeaders],
];

function withFooter(bytes: Buffer): void {
  bytes.write("conectix", 0);
  bytes.writeUInt32BE(3, 60);
  bytes.writeUInt32BE(0, 64);
  bytes.writeUInt32BE(~bytes.subarray(0, 512).reduce((sum, byte) => sum + byte, 0) >>> 0, 64);
}

function withHeaders(bytes: Buffer): void {
  bytes.write("vhdxfile");
  for (const [at, length, mark] of [
    [65_536, 4096, "head"],
    [196_608, 65_536, "regi"],
  ] as const) {
    const part = bytes.subarray(at, at + length);
    part.write(mark);
    if (mark === "head") part.fill(0, 48, 64).writeUInt16LE(1, 66);
    part.writeUInt32LE(0, 4);
    part.writeUInt32LE(crc32c(part), 4);
  }
}

for (const [name, read, begin] of parsers) {
  test(`whatever a ${name} says, it is read or refused with a fault, after a bounded number of reads`, async () => {
    const change = fc.record({ at: fc.nat({ max: 2048 }), bytes: fc.uint8Array({ maxLength: 64 }) });
    const far = fc.record({ at: fc.nat({ max: 300_000 }), bytes: fc.uint8Array({ maxLength: 64 }) });

    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(change, far), { maxLength: 20 }),
        fc.boolean(),
        async (changes, hasMarks) => {
          const bytes = Buffer.alloc(300_000);
          for (const { at, bytes: piece } of changes) bytes.set(piece.subarray(0, bytes.length - at), at);
          if (hasMarks) begin(bytes);
          let reads = 0;
          const inner = byteSourceOf(bytes);
          const source: ByteSource = {
            ...inner,
            read: (at, length) => (reads++, assert.ok(length <= 1024 * 1024), inner.read(at, length)),
          };
          try {
            assert.ok((await read(source)) > 0);
          } catch (error) {
            assert.ok(isFault(error), String(error));
          }
          assert.ok(reads < 600, `${reads} reads`);
        },
      ),
      { numRuns: 150 },
    );
  });
}

test("the CRC is Castagnoli's", () => {
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
});

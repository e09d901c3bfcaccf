import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { LineFramer, LineTooLong } from "./line-framer.ts";

test("lines come out whole, wherever the stream is cut", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 40 }).map((text) => text.replaceAll("\n", " "));
  fc.assert(
    fc.property(
      fc.array(line),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
      (lines, sizes) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(""));
        const framer = new LineFramer(1_000);

        const seen: string[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          for (const piece of framer.push(bytes.subarray(at, at + size))) seen.push(piece.toString());
          at += size;
        }

        assert.deepEqual(seen, lines);
        assert.equal(framer.heldBytes, 0);
      },
    ),
  );
});

test("an endless line is refused at its limit, byte by byte or at once", () => {
  const slow = new LineFramer(5_000);
  for (let sent = 0; sent < 5_000; sent++) assert.deepEqual([...slow.push(Buffer.from("x"))], []);
  assert.throws(() => [...slow.push(Buffer.from("x"))], LineTooLong);
  assert.equal(slow.heldBytes, 0);

  const fast = new LineFramer(5_000);
  assert.throws(() => [...fast.push(Buffer.alloc(5_001, 0x78))], LineTooLong);
});

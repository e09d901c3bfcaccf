import assert from "node:assert/strict";
import { test } from "node:test";
import { readMachineTypes, readVersion } from "./qemu-info.ts";

test("the version is read whatever stands around it", () => {
  assert.equal(
    readVersion("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright"),
    "7.2.22",
  );
  assert.equal(readVersion("QEMU emulator version 10.0.2 (Debian)\n"), "10.0.2");
});

test("only versioned q35 boards count, newest first by number", () => {
  const text = [
    "Supported machines are:",
    "q35                  Standard PC (alias of pc-q35-10.0)",
    "pc-q35-9.2           Standard PC",
    "pc-q35-10.0          Standard PC",
    "pc-q35-2.10          Standard PC",
    "pc-q35-2.4           Standard PC",
    "pc-i440fx-7.2        Standard PC (default)",
  ].join("\n");

  assert.deepEqual(readMachineTypes(text), ["pc-q35-10.0", "pc-q35-9.2", "pc-q35-2.10", "pc-q35-2.4"]);
});

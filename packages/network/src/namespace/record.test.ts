import assert from "node:assert/strict";
import { test } from "node:test";
import type { NicAttachment } from "@serai/model/network";
import { withNic, withTable, type KnownNic } from "./record.ts";

const nic = (n: number, fields: Partial<NicAttachment> = {}): NicAttachment => ({
  vm: `vm-${n}`,
  nic: "nic0",
  mac: `52:00:00:00:00:0${n}`,
  network: "net-000000000000",
  groups: [],
  ...fields,
});
const marks = (nics: KnownNic[]) =>
  nics.map(({ vm, mark, isLocal }) => `${vm}=${mark}${isLocal ? "" : " elsewhere"}`);

test("a NIC keeps its mark, and a mark that is free is used again", () => {
  const three = [1, 2, 3].reduce<KnownNic[]>((nics, n) => withNic(nics, nic(n), true), []);
  const two = three.filter(({ vm }) => vm !== "vm-2");

  assert.deepEqual(marks(withNic(withNic(two, nic(4), true), nic(3, { groups: ["web"] }), true)), [
    "vm-1=1",
    "vm-4=2",
    "vm-3=3",
  ]);
});

test("a table replaces what is elsewhere, and keeps what is plugged here even when it is too old to know it", () => {
  const before = withNic(withNic([], nic(1), true), nic(2), false);

  assert.deepEqual(marks(withTable(before, [nic(3)])), ["vm-1=1", "vm-3=2 elsewhere"]);
  assert.deepEqual(marks(withTable(before, [nic(1), nic(2)])), ["vm-1=1", "vm-2=2 elsewhere"]);
});

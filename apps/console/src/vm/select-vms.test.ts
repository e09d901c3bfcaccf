import assert from "node:assert/strict";
import { test } from "node:test";
import { vmExample } from "@serai/api-contract/examples";
import { countGroups, selectVms, type Sorting } from "./select-vms.ts";

const vms = [
  { ...vmExample, id: "vm-a", name: "web-10", labels: { tier: "web" }, memoryBytes: 1 },
  { ...vmExample, id: "vm-b", name: "web-9", labels: { tier: "web" }, memoryBytes: 2, state: "paused" },
  {
    ...vmExample,
    id: "vm-c",
    name: "db-1",
    labels: { tier: "database" },
    memoryBytes: 2,
    addresses: ["10.9.8.7"],
    trouble: { kind: "guest_panic", at: "2026-01-01T00:00:00Z" },
  },
];
const byName: Sorting = { key: "name", isDescending: false };
const names = (text: string, group: "all" | "attention" | "paused" = "all", sorting = byName) =>
  selectVms(vms, { text, group }, sorting, () => undefined).map((vm) => vm.name);

test("numbers in names sort as numbers", () => {
  assert.deepEqual(names(""), ["db-1", "web-9", "web-10"]);
});

test("words must all match; key=value looks at labels alone", () => {
  assert.deepEqual(names("paused database"), []);
  assert.deepEqual(names("web-9 paused"), ["web-9"]);
  assert.deepEqual(names("tier=data"), ["db-1"]);
  assert.deepEqual(names("10.9"), ["db-1"]);
});

test("groups are what people see, trouble before power", () => {
  assert.deepEqual(names("", "attention"), ["db-1"]);
  assert.deepEqual(names("", "paused"), ["web-9"]);
  const { all, running, paused, attention } = countGroups(vms);
  assert.deepEqual([all, running, paused, attention], [3, 1, 1, 1]);
});

test("equal values keep the order of names in both directions", () => {
  const { length } = vms;
  assert.equal(length, 3);
  assert.deepEqual(names("", "all", { key: "memory", isDescending: true }), ["db-1", "web-9", "web-10"]);
  assert.deepEqual(names("", "all", { key: "memory", isDescending: false }), ["web-10", "db-1", "web-9"]);
});

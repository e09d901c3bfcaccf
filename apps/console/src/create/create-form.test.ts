import assert from "node:assert/strict";
import { test } from "node:test";
import { imageExample } from "@serai/api-contract/examples";
import { GiB, MiB } from "@serai/model/vm-spec";
import { blankForm, faultsOf, specFrom, stepOf, suggestionsFor } from "./create-form.ts";

const suggested = (image: typeof imageExample, taken: readonly string[] = []) => ({
  ...blankForm,
  ...suggestionsFor(image, new Set(taken)),
});

test("what an image suggests is a request that the API takes", () => {
  for (const kind of ["disk", "kernel", "iso"]) {
    const image = { ...imageExample, kind };
    assert.deepEqual(faultsOf(suggested(image), image), {}, kind);
  }
});

test("a name that is taken is counted on; dots do not belong into host names", () => {
  assert.equal(
    suggested({ ...imageExample, name: "ubuntu-24.04" }, ["ubuntu-24-04-1"]).name,
    "ubuntu-24-04-2",
  );
});

test("each kind of image boots in its own way", () => {
  const kernel = { ...imageExample, kind: "kernel" };
  const iso = { ...imageExample, kind: "iso" };

  assert.deepEqual(specFrom(suggested(kernel), kernel).kernel, { image: imageExample.id });
  assert.deepEqual(specFrom(suggested(iso), iso).disks, [
    { name: "root", sizeBytes: 16 * GiB },
    { name: "install", image: imageExample.id, bus: "sata", isReadOnly: true },
  ]);
  assert.deepEqual(specFrom(suggested(imageExample), imageExample).disks, [
    { name: "root", image: imageExample.id },
  ]);
});

test("every wrong field is named, on its step", () => {
  const form = {
    ...suggested(imageExample),
    name: "Bad Name",
    cpus: "",
    memoryMib: String((imageExample.guest?.minMemoryBytes ?? 0) / MiB - 1),
    diskGib: "1",
    forwards: [
      { protocol: "tcp", hostPort: "80", guestPort: "80" },
      { protocol: "tcp", hostPort: "2222", guestPort: "22" },
      { protocol: "tcp", hostPort: "2222", guestPort: "23" },
    ],
  };

  const faults = faultsOf(form, imageExample);

  assert.deepEqual(Object.keys(faults).toSorted(), [
    "cpus",
    "disks.0.sizeBytes",
    "memoryBytes",
    "name",
    "nics.0.forwards.0.hostPort",
    "nics.0.forwards.2.hostPort",
  ]);
  assert.deepEqual(
    [...new Set(Object.keys(faults).map(stepOf))].toSorted((a, b) => a - b),
    [0, 1, 2],
  );
});

test("a VM on a network that others are on forwards no ports itself", () => {
  const forwards = [{ protocol: "tcp", hostPort: "2222", guestPort: "22" }];

  const { nics } = specFrom({ ...blankForm, name: "web", network: "lan", forwards }, undefined);

  assert.deepEqual(nics, [{ name: "net0", network: "lan" }]);
});

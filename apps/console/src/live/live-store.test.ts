import assert from "node:assert/strict";
import { test } from "node:test";
import { eventExample, vmExample } from "@serai/api-contract/examples";
import { createLiveStore, mergeEvents } from "./live-store.ts";

const { id } = vmExample;

test("frames are applied in their order, and listeners told once", () => {
  const store = createLiveStore();
  let told = 0;
  store.subscribe(() => told++);

  store.apply([
    { revision: 1, kind: "vm", type: "put", id, object: vmExample },
    { revision: 2, kind: "vm", type: "put", id, object: { ...vmExample, state: "paused" } },
    { revision: 3, kind: "bookmark" },
  ]);

  assert.equal(store.get().vms.get(id)?.state, "paused");
  assert.equal(told, 1);
  store.apply([{ revision: 4, kind: "vm", type: "delete", id }]);
  assert.equal(store.get().vms.size, 0);
});

test("what no frame touches keeps its identity, so that nothing is drawn for it", () => {
  const store = createLiveStore();
  const before = store.get();

  store.apply([{ revision: 1, kind: "vm", type: "put", id, object: vmExample }]);

  assert.equal(store.get().images, before.images);
  assert.equal(store.get().events, before.events);
  assert.notEqual(store.get().vms, before.vms);
});

test("events come once each, newest first, however often they were sent", () => {
  const older = { ...eventExample, id: "ev-1", at: "2026-01-01T00:00:00Z" };
  const newer = { ...eventExample, id: "ev-2", at: "2026-01-02T00:00:00Z" };

  assert.deepEqual(mergeEvents([older, newer], [older]), [newer, older]);
});

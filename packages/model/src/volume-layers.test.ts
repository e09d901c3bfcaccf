import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  baseLayer,
  freshLayout,
  isOrphan,
  layerFile,
  lineOf,
  nextTidying,
  snapshotBelow,
  stack,
  tidied,
  type LayerPin,
  type VolumeLayout,
} from "./volume-layers.ts";

const pin = (layer: string): LayerPin => ({
  layer,
  disks: ["root"],
  takenAt: "2026-01-01T00:00:00.000Z",
  pauseMs: 0,
  isQuiesced: false,
  memoryBytes: 0,
});

const take = (layout: VolumeLayout, snapshot: string, layer: string): VolumeLayout => ({
  ...stack(layout, layer, layout.active, ["root"]),
  pins: { ...layout.pins, [snapshot]: pin(layout.active) },
});

const drop = (layout: VolumeLayout, snapshot: string): VolumeLayout => {
  const { [snapshot]: _gone, ...pins } = layout.pins;
  return { ...layout, pins };
};

test("a disk is found in the layer that has it, and in the base when none has", () => {
  const layout = take(freshLayout, "a", "layer-1");

  assert.equal(layerFile(layout, "layer-1", "root"), "root.layer-1.qcow2");
  assert.equal(layerFile(layout, baseLayer, "root"), "root.qcow2");
  assert.equal(layerFile(layout, "layer-1", "added"), "added.qcow2");
});

test("a snapshot's parent is the one that the VM came from, also after a revert", () => {
  const two = take(take(freshLayout, "a", "layer-1"), "b", "layer-2");
  const reverted = stack(two, "layer-3", "base", ["root"]);

  assert.equal(snapshotBelow(two, "layer-1"), "a");
  assert.equal(snapshotBelow(reverted, "layer-3"), "a");
  assert.equal(snapshotBelow(two, baseLayer), undefined);
});

test("deleting the middle of a chain merges its layer into the next one", () => {
  const three = take(take(take(freshLayout, "a", "layer-1"), "b", "layer-2"), "c", "layer-3");

  const step = nextTidying(drop(three, "b"));

  assert.deepEqual(step, { do: "merge", layer: "layer-1", into: "layer-2" });
});

test("a layer that several histories read is kept until only one does", () => {
  const forked = stack(take(take(freshLayout, "a", "layer-1"), "b", "layer-2"), "layer-3", baseLayer, [
    "root",
  ]);

  // layer-2 is what the revert left; base has two children then: layer-1 and layer-3.
  assert.deepEqual(nextTidying(forked), { do: "remove", layer: "layer-2" });
  const tidy = tidied(forked, { do: "remove", layer: "layer-2" });
  assert.equal(nextTidying(drop(tidy, "a")), undefined);
  assert.deepEqual(nextTidying(drop(tidy, "b")), { do: "remove", layer: "layer-1" });
});

test("layers that another VM reads, too, are never rewritten", () => {
  const dropped = drop(take(freshLayout, "a", "layer-1"), "a");

  assert.equal(
    nextTidying(dropped, (layer) => layer === baseLayer),
    undefined,
  );
  assert.deepEqual(nextTidying(dropped), { do: "merge", layer: baseLayer, into: "layer-1" });
});

test("nothing is tidied while it is open where the guest writes", () => {
  const begun = {
    ...stack(freshLayout, "layer-1", baseLayer, ["root"]),
    pending: { snapshot: "a", wasRunning: true },
  };

  assert.equal(nextTidying(begun), undefined);
});

test("files of no layer are orphans; other files are not", () => {
  const layout = take(freshLayout, "a", "layer-1");

  assert.equal(isOrphan(layout, "root.layer-1.qcow2"), false);
  assert.equal(isOrphan(layout, "root.layer-9.qcow2"), true);
  assert.equal(isOrphan(layout, "root.qcow2"), false);
  assert.equal(isOrphan(layout, "provisioned.json"), false);
});

/** A toy disk: each layer holds what was written to it; reading looks down the line. */
test("whatever is taken, reverted and deleted in any order, every snapshot shows what it showed when taken", () => {
  const action = fc.tuple(fc.constantFrom("take", "revert", "delete", "write"), fc.nat(9));

  fc.assert(
    fc.property(fc.array(action, { maxLength: 40 }), (actions) => {
      let layout = freshLayout;
      const content = new Map<string, Map<number, number>>([[baseLayer, new Map()]]);
      const truth = new Map<string, string>();
      const shown = (layer: string) => {
        const seen = new Map<number, number>();
        for (const at of lineOf(layout, layer))
          for (const [block, value] of content.get(at) ?? []) if (!seen.has(block)) seen.set(block, value);
        return JSON.stringify([...seen].sort(([a], [b]) => a - b));
      };
      for (const [round, [verb, which]] of actions.entries()) {
        const names = Object.keys(layout.pins);
        const name = names[which % Math.max(1, names.length)];
        if (verb === "write") content.get(layout.active)?.set(which, round);
        if (verb === "take") {
          truth.set(`s${round}`, shown(layout.active));
          layout = take(layout, `s${round}`, `layer-${round}`);
          content.set(`layer-${round}`, new Map());
        }
        if (verb === "revert" && name !== undefined) {
          layout = stack(layout, `layer-${round}`, layout.pins[name]?.layer ?? baseLayer, ["root"]);
          content.set(`layer-${round}`, new Map());
        }
        if (verb === "delete" && name !== undefined) layout = drop(layout, name);
        const active = shown(layout.active);
        for (let step = nextTidying(layout); step !== undefined; step = nextTidying(layout)) {
          if (step.do === "merge") {
            const into = content.get(step.into) as Map<number, number>;
            for (const [block, value] of content.get(step.layer) ?? [])
              if (!into.has(block)) into.set(block, value);
          }
          content.delete(step.layer);
          layout = tidied(layout, step);
        }
        assert.equal(shown(layout.active), active);
        for (const [snapshot, kept] of Object.entries(layout.pins))
          assert.equal(shown(kept.layer), truth.get(snapshot));
        // Besides the pinned and the active one, only layers with several histories remain.
        assert.ok(Object.keys(layout.layers).length <= 2 * Object.keys(layout.pins).length + 1);
      }
    }),
  );
});

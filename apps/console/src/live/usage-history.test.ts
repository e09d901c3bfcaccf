import assert from "node:assert/strict";
import { test } from "node:test";
import { usageExample } from "@serai/api-contract/examples";
import { createUsageHistory } from "./usage-history.ts";

const [vm] = usageExample.vms;
assert.ok(vm);
const sample = (second: number, cpuSeconds: number, netSentBytes = 0) => ({
  ...usageExample,
  at: new Date(second * 1000).toISOString(),
  cpuSeconds: { busy: cpuSeconds, total: second * 4 },
  vms: [{ ...vm, cpuSeconds, netReceivedBytes: 0, netSentBytes }],
});

test("rates come from two samples", () => {
  const history = createUsageHistory();

  history.add(sample(10, 5));
  history.add(sample(12, 8, 2048));

  const now = history.of(vm.vm).at(-1);
  assert.equal(now?.cpu, 1.5);
  assert.equal(now?.netBytesPerSecond, 1024);
  assert.equal(history.host().at(-1)?.cpu, 3 / 8);
});

test("a counter that starts anew makes no negative rate", () => {
  const history = createUsageHistory();

  history.add(sample(10, 500));
  history.add(sample(12, 1));

  assert.equal(history.of(vm.vm).at(-1)?.cpu, 0.5);
});

test("the same sample twice counts once; a VM that is gone is forgotten", () => {
  const history = createUsageHistory();
  history.add(sample(10, 1));
  history.add(sample(10, 1));
  assert.equal(history.of(vm.vm).length, 1);

  history.add({ ...sample(12, 1), vms: [] });

  assert.equal(history.of(vm.vm).length, 0);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { isFault, type FaultCode } from "@serai/kit/fault";
import { aRecord } from "@serai/model/testing/a-vm";
import type { VmRecord, VmSighting } from "@serai/model/vm";
import type { HostLink } from "../host-link.ts";

export type HostUnderTest = AsyncDisposable & {
  link: HostLink;
  /** Puts intent where the host reads it; undefined removes it. */
  intend(id: string, record: VmRecord | undefined): Promise<void> | void;
  /** A spec that this host can run quickly. */
  spec: VmRecord["spec"];
};

const vm = "vm-c0ntractvm00";

/** What every host promises its controllers. Run against the fake, the wire, and real hosts. */
export function hostLinkContract(name: string, open: () => Promise<HostUnderTest>, timeoutMs = 60_000): void {
  const check = (title: string, body: (host: HostUnderTest, signal: AbortSignal) => Promise<void>): void =>
    void test(`${name}: ${title}`, { timeout: timeoutMs }, async () => {
      await using host = await open();
      await body(host, AbortSignal.timeout(timeoutMs));
    });
  const refused = (attempt: Promise<unknown>, code: FaultCode) =>
    assert.rejects(attempt, (error) => isFault(error, code) || assert.fail(String(error)));
  const wish = (host: HostUnderTest, fields: Partial<VmRecord>): VmRecord =>
    aRecord({ id: vm, spec: host.spec, ...fields });

  check("a VM it never had is absent, which is not unknown", async ({ link }, signal) => {
    const seen = await link.look(vm, signal);

    assert.equal(seen.state, "absent");
    assert.equal(seen.provisionedGeneration, 0);
  });

  check("what is not in the store is not acted upon", async ({ link }, signal) => {
    await refused(link.act("launch", vm, 1, signal), "vm.not_found");
  });

  check("a network that is not in the store is neither made nor removed", async ({ link }, signal) => {
    await refused(link.ensureNetwork("net-c0ntract0000", 1, signal), "network.not_found");
    await link.applyNetworkRules("net-c0ntract0000", signal);
  });

  check("an old generation is refused, and nothing happens", async (host, signal) => {
    await host.intend(vm, wish(host, { power: "running", generation: 2 }));

    await refused(host.link.act("launch", vm, 1, signal), "vm.stale_generation");

    assert.equal((await host.link.look(vm, signal)).state, "absent");
  });

  check("intent that gives no reason for a step is no reason", async (host, signal) => {
    await host.intend(vm, wish(host, { power: "stopped", generation: 1 }));

    await refused(host.link.act("launch", vm, 1, signal), "vm.wrong_state");
    await refused(host.link.act("remove", vm, 1, signal), "vm.wrong_state");
  });

  check(
    "a VM is provisioned, launched once however often that is asked, ended and removed",
    async (host, signal) => {
      const { link } = host;
      await host.intend(vm, wish(host, { power: "running", generation: 1 }));
      assert.equal((await link.act("provision", vm, 1, signal)).provisionedGeneration, 1);

      const first = await link.act("launch", vm, 1, signal);
      const second = await link.act("launch", vm, 1, signal);
      assert.deepEqual([first.state, second.state, second.pid], ["running", "running", first.pid]);

      await host.intend(vm, wish(host, { power: "stopped", stop: { isForced: true }, generation: 2 }));
      const ended = await link.act("kill", vm, 2, signal);
      assert.deepEqual([ended.state, ended.exit?.cause], ["absent", "requested"]);

      await host.intend(vm, wish(host, { power: "stopped", isDeleting: true, generation: 3 }));
      await link.act("remove", vm, 3, signal);
      await link.act("remove", vm, 3, signal);
      assert.equal((await link.look(vm, signal)).provisionedGeneration, 0);
    },
  );

  check("changes are told as they happen", async (host, signal) => {
    await host.intend(vm, wish(host, { power: "running", generation: 1 }));
    const following = new AbortController();
    const states: string[] = [];
    const followed = (async () => {
      for await (const sighting of host.link.sightings(AbortSignal.any([signal, following.signal]))) {
        const { state }: VmSighting = sighting;
        states.push(state);
        if (state === "running") return;
      }
    })();

    await host.link.act("launch", vm, 1, signal);
    await followed;
    following.abort();

    assert.equal(states.at(-1), "running");
    await host.intend(vm, wish(host, { power: "stopped", stop: { isForced: true }, generation: 2 }));
    await host.link.act("kill", vm, 2, signal);
  });
}

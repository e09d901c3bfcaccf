import { join } from "node:path";
import type { FoundJail } from "@serai/hypervisor/jail/jail";
import type { QemuInfo } from "@serai/hypervisor/qemu-info";
import { openVmDriver, type VmDriver } from "@serai/hypervisor/vm-driver";
import type { OpenTap } from "@serai/hypervisor/vm-driver-types";
import { AsyncQueue } from "@serai/kit/async-queue";
import { Fault } from "@serai/kit/fault";
import type { Logger } from "@serai/kit/logger";
import type { VmSighting } from "@serai/model/vm";
import type { CompleteNic } from "@serai/model/vm-spec";
import { assertId } from "./trusted-intents.ts";
import type { VmGroups } from "./vm-groups.ts";

type Means = {
  /** Of all VMs; each has a folder in it. */
  directory: string;
  qemu: QemuInfo;
  jail: FoundJail;
  groups: VmGroups;
  accelerator: { kind: "kvm" | "tcg" };
  logger: Logger;
  owner(vm: string): { uid: number; gid: number } | undefined;
  provisionedGeneration(vm: string): Promise<number>;
  openTaps(vm: string, nics: readonly CompleteNic[], signal: AbortSignal): Promise<OpenTap[]>;
};

/** The drivers of this host's VMs, one for each that was ever needed, and what they see. */
export class VmDrivers {
  readonly #means: Means;
  readonly #drivers = new Map<string, Promise<VmDriver>>();
  readonly #subscribers = new Set<AsyncQueue<VmSighting>>();

  constructor(means: Means) {
    this.#means = means;
  }

  has(vm: string): boolean {
    return this.#drivers.has(vm);
  }

  /** The driver of a VM that has one already. */
  get(vm: string): Promise<VmDriver> | undefined {
    return this.#drivers.get(vm);
  }

  /** The one driver of a VM; opened at its first use, and again after a failed opening. */
  open(vm: string, signal: AbortSignal): Promise<VmDriver> {
    const known = this.#drivers.get(vm);
    if (known !== undefined) return known;
    const opening = this.#open(vm, signal);
    this.#drivers.set(vm, opening);
    opening.catch(() => this.#drivers.delete(vm));
    return opening;
  }

  /** Throws `vm.wrong_state` unless the guest runs or is paused. */
  async running(vm: string): Promise<VmDriver> {
    assertId(vm);
    const driver = await this.#drivers.get(vm);
    const state = driver?.sighting().state;
    if (driver === undefined || state === "absent" || state === "suspended" || state === "starting") {
      throw new Fault("vm.wrong_state", `VM ${vm} is not running; start it first.`);
    }
    return driver;
  }

  /** All that could be opened. */
  async opened(): Promise<VmDriver[]> {
    const drivers = await Promise.allSettled(this.#drivers.values());
    return drivers.flatMap((settled) => (settled.status === "fulfilled" ? [settled.value] : []));
  }

  /** For a driver that was closed, of a VM that is gone. */
  forget(vm: string): void {
    this.#drivers.delete(vm);
  }

  /** Where every VM is now, then each change. */
  async *sightings(signal: AbortSignal): AsyncIterable<VmSighting> {
    signal.throwIfAborted();
    const queue = new AsyncQueue<VmSighting>(100_000);
    this.#subscribers.add(queue);
    const onAbort = () => queue.end();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (const driver of this.#drivers.values()) {
        const settled = await driver.catch(() => undefined); // reported when it was opened
        if (settled !== undefined) yield settled.sighting();
      }
      yield* queue;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#subscribers.delete(queue);
    }
  }

  /** Lets go of every guest without touching it. */
  async close(): Promise<void> {
    for (const queue of this.#subscribers) queue.end();
    const drivers = await this.opened();
    await Promise.all(drivers.map((driver) => driver.close()));
  }

  async #open(vm: string, signal: AbortSignal): Promise<VmDriver> {
    const { directory, qemu, accelerator, jail, groups, owner, openTaps, logger } = this.#means;
    const cgroup = groups.of(vm, accelerator.kind);
    const driver = await openVmDriver(
      {
        directory: join(directory, vm),
        qemu: { path: qemu.path, version: qemu.version },
        accelerator: accelerator.kind,
        ...owner(vm),
        ...(jail.jail !== undefined && { jail: jail.jail }),
        ...(cgroup !== undefined && { cgroup }),
        ...(qemu.firmware !== undefined && { firmware: qemu.firmware }),
        openTaps: (nics, inner) => openTaps(vm, nics, inner),
        logger,
        onChange: (sighting) => this.#tell(sighting),
      },
      signal,
    );
    driver.note({ provisionedGeneration: await this.#means.provisionedGeneration(vm) });
    return driver;
  }

  #tell(sighting: VmSighting): void {
    for (const queue of this.#subscribers) {
      // A reader this far behind must begin anew rather than miss one.
      if (!queue.push(sighting))
        queue.end(new Fault("host.unreachable", "The reader of sightings fell behind; read them anew."));
    }
  }
}

import { mkdir } from "node:fs/promises";
import { systemClock, type Clock } from "@serai/kit/clock";
import type { Logger } from "@serai/kit/logger";
import type { VmRecord } from "@serai/model/vm";
import type { Store } from "@serai/store/store";
import { createCommit } from "./commit.ts";
import { followHost, sweepNowAndThen } from "./follow-host.ts";
import { createHostFacts } from "./host-facts.ts";
import type { HostLink } from "./host-link.ts";
import type { CatalogueEntry } from "./images/catalogue.ts";
import { reconcileImage } from "./images/reconcile-image.ts";
import { declareDefaultNetwork } from "./networks/default-network.ts";
import { createNetworkService } from "./networks/network-service.ts";
import { reconcileNetwork } from "./networks/reconcile-network.ts";
import { createSecurityGroupService } from "./networks/security-group-service.ts";
import type { ControlParts } from "./parts.ts";
import { createLaunchGate } from "./power/launch-gate.ts";
import { reconcileVmPower } from "./power/reconcile-vm-power.ts";
import { WorkQueue, type Reconcile } from "./queue/work-queue.ts";
import { keepTidy } from "./retention.ts";
import { createAccessService } from "./services/access-service.ts";
import { createChangeService } from "./services/change-service.ts";
import { createEventService } from "./services/event-service.ts";
import { createHostService } from "./services/host-service.ts";
import { createImageService } from "./services/image-service.ts";
import { createOperationService } from "./services/operation-service.ts";
import type { Services } from "./services/services.ts";
import { createVmService } from "./services/vm-service.ts";
import { reconcileSnapshot } from "./snapshots/reconcile-snapshot.ts";
import { createSnapshotService } from "./snapshots/snapshot-service.ts";
import { stampedIds } from "./stamped-id.ts";
import { networksOf } from "./view/network-shelf.ts";
import { View } from "./view/view.ts";
import { watchPools } from "./watch-pools.ts";

export type ControlOptions = {
  store: Store;
  host: HostLink;
  spoolDir: string;
  catalogue?: readonly CatalogueEntry[];
  log: Logger;
  clock?: Clock;
  random?: () => number;
};

export type Control = {
  services: Services;
  /** Rejects when control cannot go on: the process should end and be started again. */
  failed: Promise<never>;
  /** Lets running steps finish until the deadline. Guests are left alone. */
  close(deadlineMs: number): Promise<void>;
};

/** Builds control over a store and a host, and starts its controllers. */
export async function createControl(options: ControlOptions, signal: AbortSignal): Promise<Control> {
  const { store, host, spoolDir, log, clock = systemClock, random = Math.random } = options;
  await mkdir(spoolDir, { recursive: true, mode: 0o700 });
  const stop = new AbortController();
  const alive = AbortSignal.any([signal, stop.signal]);
  const view = new View();
  const { followed } = await view.open(store, alive);
  const queues: Partial<Queues> = {};
  const parts: ControlParts = {
    store,
    view,
    commit: createCommit(store, view),
    clock,
    stampedId: stampedIds(clock, view.events.ids().at(-1)),
    host,
    hostFacts: createHostFacts(host),
    lastTold: new Map(),
    log,
    spoolDir,
    catalogue: options.catalogue ?? [],
    nudge: (kind, id) => queues[kind]?.nudge(id),
  };
  const started = Object.assign(queues, openQueues(parts, random));
  for (const id of view.snapshots.ids()) started.snapshot.nudge(id);
  for (const id of view.networks.ids()) started.network.nudge(id);
  wakeSnapshots(parts);
  wakeNetworks(parts);
  for (const id of view.vms.ids()) started.vm.nudge(id);
  for (const id of view.images.ids()) started.image.nudge(id);
  await parts.hostFacts.refresh(alive).catch(() => {}); // followHost reports and retries
  await declareDefaultNetwork(parts, alive).catch((error: unknown) =>
    log.warn({ err: error }, "no default network"),
  );
  const background = [
    followHost(parts, alive),
    sweepNowAndThen(parts, alive),
    keepTidy(parts, alive),
    watchPools(parts, alive),
  ];

  return {
    services: servicesOf(parts),
    failed: failure(followed, alive),
    close: async (deadlineMs) => {
      await Promise.all(Object.values(queues).map(async (each) => each.drain(deadlineMs)));
      stop.abort(new Error("control ends"));
      await Promise.allSettled([...background, followed]);
    },
  };
}

type Queues = Record<"vm" | "image" | "snapshot" | "network", WorkQueue>;

function openQueues(parts: ControlParts, random: () => number): Queues {
  const { view, log } = parts;
  const queue = (name: string, reconcile: Reconcile, all: () => Iterable<string>, concurrency: number) =>
    new WorkQueue({
      reconcile,
      all,
      concurrency,
      random,
      onError: (id, error, failures) =>
        log.warn({ [name]: id, failures, err: error }, "a look failed; it is tried again"),
    });
  return {
    vm: queue(
      "vm",
      reconcileVmPower(parts, createLaunchGate(view.vms, parts.hostFacts)),
      () => view.vms.ids(),
      8,
    ),
    image: queue("image", reconcileImage(parts), () => view.images.ids(), 2),
    snapshot: queue("snapshot", reconcileSnapshot(parts), () => view.snapshots.ids(), 4),
    network: queue("network", reconcileNetwork(parts), () => view.networks.ids(), 4),
  };
}

/** A snapshot that waits for its VM to come to rest is looked at with each change of the VM. */
function wakeSnapshots({ view, nudge }: ControlParts): void {
  view.listen((changes) => {
    for (const { kind, id } of changes) {
      const busy = kind === "vm" ? view.snapshots.busyOf(id) : undefined;
      if (busy !== undefined) nudge("snapshot", busy.record.id);
    }
  });
}

/** A network's rules name the NICs on it: they follow each change of a VM that has one there. */
function wakeNetworks({ view, nudge }: ControlParts): void {
  const before = new Map<string, VmRecord>();
  for (const { record } of view.vms.entries())
    if (networksOf(record).length > 0) before.set(record.id, record);
  view.listen((changes) => {
    for (const { kind, id } of changes) {
      if (kind !== "vm") continue;
      const [old, now] = [before.get(id), view.vms.get(id)?.record];
      if (old === now || (old === undefined && networksOf(now).length === 0)) continue;
      if (now === undefined || networksOf(now).length === 0) before.delete(id);
      else before.set(id, now);
      if (
        JSON.stringify(old?.spec.nics) === JSON.stringify(now?.spec.nics) &&
        old?.spec.name === now?.spec.name
      )
        continue;
      for (const network of new Set([...networksOf(old), ...networksOf(now)])) nudge("network", network);
    }
  });
}

function servicesOf(parts: ControlParts): Services {
  return {
    vms: createVmService(parts),
    images: createImageService(parts),
    snapshots: createSnapshotService(parts),
    networks: createNetworkService(parts),
    securityGroups: createSecurityGroupService(parts),
    operations: createOperationService(parts),
    events: createEventService(parts),
    changes: createChangeService(parts),
    access: createAccessService(parts),
    host: createHostService(parts),
  };
}

/** The watch may end only because we end. */
function failure(followed: Promise<void>, alive: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => {}); // whoever cares listens too
  const onEnd = (error: unknown) => {
    if (!alive.aborted) reject(error ?? new Error("the store's watch ended"));
  };
  followed.then(onEnd, onEnd);
  return promise;
}

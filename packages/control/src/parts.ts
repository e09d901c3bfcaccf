import { timestamp, type Clock } from "@serai/kit/clock";
import type { FaultJson } from "@serai/kit/fault";
import type { Logger } from "@serai/kit/logger";
import { eventKey, type SeraiEvent } from "@serai/model/event";
import { operationKey, type Operation, type Target } from "@serai/model/operation";
import type { Compare, Store, Write } from "@serai/store/store";
import type { Commit } from "./commit.ts";
import type { HostFacts } from "./host-facts.ts";
import type { HostLink } from "./host-link.ts";
import type { CatalogueEntry } from "./images/catalogue.ts";
import type { View } from "./view/view.ts";

/** What services and controllers share. Built once, in `create-control.ts`. */
export type ControlParts = {
  store: Store;
  view: View;
  commit: Commit;
  clock: Clock;
  /** Ids that sort by time. */
  stampedId: (prefix: string) => string;
  host: HostLink;
  hostFacts: HostFacts;
  /** What the host told last of each VM, as JSON, while we listen to it; taken out when a step relies on it. */
  lastTold: Map<string, string>;
  log: Logger;
  /** Content on its way in: `<spoolDir>/<image id>`. */
  spoolDir: string;
  /** What can be pulled by name. */
  catalogue: readonly CatalogueEntry[];
  /** Wakes the controller of one VM, image, snapshot or network. */
  nudge: (kind: "vm" | "image" | "snapshot" | "network", id: string) => void;
};

export function newOperation(
  parts: ControlParts,
  fields: {
    verb: string;
    target: Target;
    generation: number;
    actor: string;
    hasEnded?: boolean;
    note?: string;
  },
): Operation {
  const { hasEnded = false, ...rest } = fields;
  const createdAt = timestamp(parts.clock);
  return {
    id: parts.stampedId("op"),
    phase: hasEnded ? "succeeded" : "pending",
    ...rest,
    createdAt,
    ...(hasEnded && { endedAt: createdAt }),
  };
}

export const putOperation = (operation: Operation): Write => ({
  put: operationKey(operation.id),
  value: JSON.stringify(operation),
});

export function endOperation(
  parts: ControlParts,
  operation: Operation,
  end: { phase: "succeeded" | "failed" | "cancelled"; fault?: FaultJson; note?: string },
): { compare: Compare; write: Write } {
  const { progress: _progress, ...rest } = operation;
  const ended: Operation = { ...rest, ...end, endedAt: timestamp(parts.clock) };
  const key = operationKey(operation.id);
  return {
    compare: unchanged(key, parts.view.operations.revisionOf(operation.id)),
    write: putOperation(ended),
  };
}

export function putEvent(parts: ControlParts, event: Omit<SeraiEvent, "id" | "at">): Write {
  const id = parts.stampedId("ev");
  return { put: eventKey(id), value: JSON.stringify({ id, at: timestamp(parts.clock), ...event }) };
}

export const unchanged = (key: string, revision: number): Compare => ({
  key,
  target: "modRevision",
  is: "=",
  to: revision,
});

export const absent = (key: string): Compare => ({ key, target: "version", is: "=", to: 0 });

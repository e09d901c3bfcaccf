import { eventKey, type SeraiEvent } from "@serai/model/event";
import type { ControlParts } from "../parts.ts";
import { authorize } from "./actor.ts";
import { defaultPageSize } from "./request.ts";
import type { EventService } from "./services.ts";

/** A filtered page reads at most this many events; it may then be short, and says where to go on. */
const maxScanned = 10_000;

/** Events, newest first: from memory while they are there, from the store beyond. */
export function createEventService(parts: ControlParts): EventService {
  const { view, store } = parts;
  return {
    list: async ({ limit = defaultPageSize, after, target }, actor, signal) => {
      authorize(actor, "viewer");
      const revision = view.revision;
      const isWanted = targetFilter(parts, target);
      const items: string[] = [];
      let at = after ?? "ev-~";
      for (let scanned = 0; scanned < maxScanned;) {
        const range = { prefix: "/events/", after: eventKey(at), limit: 500, isReverse: true };
        const page = await store.range(range, signal);
        for (const { key, value } of page.items) {
          at = key.slice("/events/".length);
          scanned += 1;
          if (isWanted(value)) items.push(value);
          if (items.length === limit) return { items, next: at, revision };
        }
        if (!page.hasMore) return { items, revision };
      }
      return { items, next: at, revision };
    },
  };
}

function targetFilter({ view }: ControlParts, target: string | undefined): (json: string) => boolean {
  if (target === undefined) return () => true;
  const id = view.vms.idOf(target) ?? view.images.idOf(target) ?? target;
  return (json) => {
    const event = JSON.parse(json) as SeraiEvent;
    return event.target.id === id || event.target.name === target;
  };
}

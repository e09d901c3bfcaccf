import assert from "node:assert/strict";

import fc from "fast-check";

import { compareKeys } from "../key-order.ts";
import type { Compare, KeyValue, Store, Txn, Write } from "../store.ts";
import { type OpenStore, storeTest, takeThrough } from "./fixture.ts";

// Neighbours of each other in ways that go wrong: prefixes, separators, and characters that JavaScript sorts
// differently from UTF-8.
const names = [
  "a",
  "a/",
  "a/b",
  "a/b/c",
  "a0",
  "b",
  "é",
  "\ud7ff",
  "\ue000",
  "\ufffd",
  "\u{1f600}",
  "\u{10ffff}",
];

const name = fc.constantFrom(...names);
const compare: fc.Arbitrary<Compare> = fc.record({
  key: name,
  target: fc.constantFrom("version", "createRevision", "modRevision"),
  is: fc.constantFrom("=", "!=", "<", ">"),
  to: fc.integer({ min: 0, max: 3 }),
});
const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ put: name, value: fc.string({ maxLength: 8 }).map(encodeURIComponent) }),
  },
  { weight: 2, arbitrary: fc.record({ delete: name }) },
  { weight: 1, arbitrary: fc.record({ deletePrefix: name }) },
);
const txn: fc.Arbitrary<Txn> = fc.record({
  when: fc.array(compare, { maxLength: 2 }),
  then: fc.array(write, { maxLength: 5 }),
});

/** Random transactions must do to the store what they do to a Map. */
export function modelContract(open: OpenStore): void {
  storeTest(open, "random transactions do what they do to a map", async (store, signal) => {
    let run = 0;
    const property = fc.asyncProperty(
      fc.array(txn, { maxLength: 25 }),
      fc.integer({ min: 1, max: 5 }),
      async (txns, limit) => {
        const prefix = `run${++run}/`;
        const model = new Model(await store.revision(signal));
        const first = model.revision + 1;
        for (const each of txns.map((plain) => prefixed(plain, prefix))) {
          if (writesTwice(each)) await assert.rejects(store.txn(each, signal), { code: "request.malformed" });
          else assert.deepEqual(await store.txn(each, signal), model.txn(each));
        }
        await compareRanges(store, model, { prefix, limit, signal });
        if (model.revision < first) return;
        const watch = await store.watch({ prefix, fromRevision: first }, signal);
        const seen = new Map<string, KeyValue>();
        for (const { changes } of await takeThrough(watch, model.revision))
          for (const change of changes)
            if (change.type === "put") seen.set(change.now.key, change.now);
            else assert.ok(seen.delete(change.key), `${change.key} was deleted without having been there`);
        assert.deepEqual(seen, model.items);
      },
    );

    await fc.assert(property, { numRuns: 100 });
  });
}

async function compareRanges(
  store: Store,
  model: Model,
  { prefix, limit, signal }: { prefix: string; limit: number; signal: AbortSignal },
): Promise<void> {
  for (const under of ["", "a", "a/", "\ud7ff", "\u{10ffff}"])
    for (const isReverse of [false, true]) {
      const expected = [...model.items.values()]
        .filter((item) => item.key.startsWith(prefix + under))
        .toSorted((a, b) => compareKeys(a.key, b.key) * (isReverse ? -1 : 1));
      const found: KeyValue[] = [];
      for (let hasMore = true; hasMore;) {
        const after = found.at(-1)?.key;
        const page = await store.range(
          { prefix: prefix + under, limit, isReverse, ...(after && { after }) },
          signal,
        );
        assert.ok(page.items.length <= limit);
        found.push(...page.items);
        hasMore = page.hasMore;
      }
      assert.deepEqual(found, expected);
    }
}

class Model {
  revision: number;
  readonly items = new Map<string, KeyValue>();

  constructor(revision: number) {
    this.revision = revision;
  }

  txn({ when = [], then }: Txn) {
    if (!when.every((each) => this.#holds(each))) return { succeeded: false, revision: this.revision };
    const next = this.revision + 1;
    for (const each of then) if (this.#write(each, next)) this.revision = next;
    return { succeeded: true, revision: this.revision };
  }

  #holds({ key, target, is, to }: Compare): boolean {
    const actual = this.items.get(key)?.[target] ?? 0;
    return is === "=" ? actual === to : is === "!=" ? actual !== to : is === "<" ? actual < to : actual > to;
  }

  #write(each: Write, revision: number): boolean {
    if ("delete" in each) return this.items.delete(each.delete);
    if ("deletePrefix" in each) {
      const doomed = [...this.items.keys()].filter((key) => key.startsWith(each.deletePrefix));
      for (const key of doomed) this.items.delete(key);
      return doomed.length > 0;
    }
    const old = this.items.get(each.put);
    const createRevision = old?.createRevision ?? revision;
    const version = (old?.version ?? 0) + 1;
    this.items.set(each.put, {
      key: each.put,
      value: each.value,
      createRevision,
      modRevision: revision,
      version,
      lease: 0,
    });
    return true;
  }
}

function prefixed({ when = [], then }: Txn, prefix: string): Txn {
  return {
    when: when.map((each) => ({ ...each, key: prefix + each.key })),
    then: then.map((each) => {
      if ("delete" in each) return { delete: prefix + each.delete };
      if ("deletePrefix" in each) return { deletePrefix: prefix + each.deletePrefix };
      return { ...each, put: prefix + each.put };
    }),
  };
}

function writesTwice({ then }: Txn): boolean {
  const puts = then.flatMap((each) => ("put" in each ? [each.put] : []));
  const isDoomed = (key: string) =>
    then.some(
      (each) =>
        ("delete" in each && each.delete === key) ||
        ("deletePrefix" in each && key.startsWith(each.deletePrefix)),
    );
  return new Set(puts).size < puts.length || puts.some(isDoomed);
}

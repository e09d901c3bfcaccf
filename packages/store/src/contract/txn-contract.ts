import assert from "node:assert/strict";

import type { Compare } from "../store.ts";
import { keysUnder, type OpenStore, put, storeTest } from "./fixture.ts";

/** What one key, and a transaction over several, must do. */
export function txnContract(open: OpenStore): void {
  storeTest(open, "a key that was never written is absent", async (store, signal) => {
    assert.equal(await store.get("a", signal), undefined);
    assert.equal(await store.revision(signal), 0);
  });

  storeTest(
    open,
    "a key counts its versions and remembers when it was created and changed",
    async (store, signal) => {
      await put(store, "other", signal);
      await put(store, "a", signal, "1");
      await put(store, "a", signal, "2");

      assert.deepEqual(await store.get("a", signal), {
        key: "a",
        value: "2",
        createRevision: 2,
        modRevision: 3,
        version: 2,
        lease: 0,
      });
    },
  );

  storeTest(open, "a key deleted and written again starts anew", async (store, signal) => {
    await put(store, "a", signal);
    await store.txn({ then: [{ delete: "a" }] }, signal);
    await put(store, "a", signal, "new");

    const found = await store.get("a", signal);
    assert.deepEqual([found?.createRevision, found?.modRevision, found?.version], [3, 3, 1]);
  });

  storeTest(open, "a transaction that changes nothing takes no revision", async (store, signal) => {
    await put(store, "a", signal);

    const empty = await store.txn({ then: [] }, signal);
    const missed = await store.txn({ then: [{ delete: "none" }, { deletePrefix: "none/" }] }, signal);

    assert.deepEqual([empty, missed], Array(2).fill({ succeeded: true, revision: 1 }));
  });

  storeTest(open, "a transaction over several keys takes one revision", async (store, signal) => {
    await put(store, "vm/old", signal);
    const then = [{ put: "vms", value: "1" }, { put: "a", value: "2" }, { deletePrefix: "vm/" }];

    assert.deepEqual(await store.txn({ then }, signal), { succeeded: true, revision: 2 });
    const { items } = await store.range({ prefix: "" }, signal);
    assert.deepEqual(
      items.map((item) => [item.key, item.modRevision]),
      [
        ["a", 2],
        ["vms", 2],
      ],
    );
  });

  storeTest(open, "deleting a prefix spares its neighbours", async (store, signal) => {
    for (const key of ["vm", "vm.", "vm/", "vm/1", "vm/\u{10ffff}", "vm0"]) await put(store, key, signal);

    await store.txn({ then: [{ deletePrefix: "vm/" }] }, signal);

    assert.deepEqual(await keysUnder(store, "", signal), ["vm", "vm.", "vm0"]);
  });

  compareContract(open);
  refusalContract(open);
}

function compareContract(open: OpenStore): void {
  storeTest(open, "every compare holds exactly when it is true", async (store, signal) => {
    await put(store, "pad", signal);
    await put(store, "a", signal); // created at 2
    await put(store, "a", signal); // changed at 3, version 2
    const facts = { version: 2, createRevision: 2, modRevision: 3 };
    const operators = {
      "=": (x: number, y: number) => x === y,
      "!=": (x: number, y: number) => x !== y,
      "<": (x: number, y: number) => x < y,
      ">": (x: number, y: number) => x > y,
    };

    for (const key of ["a", "absent"])
      for (const target of ["version", "createRevision", "modRevision"] as const)
        for (const is of ["=", "!=", "<", ">"] as const)
          for (const to of [0, 1, 2, 3, 4]) {
            const compare: Compare = { key, target, is, to };
            const { succeeded } = await store.txn({ when: [compare], then: [] }, signal);
            const expected = operators[is](key === "a" ? facts[target] : 0, to);
            assert.equal(succeeded, expected, JSON.stringify(compare));
          }
  });

  storeTest(open, "one false compare of several keeps everything as it was", async (store, signal) => {
    await put(store, "a", signal, "old");
    const when: Compare[] = [
      { key: "a", target: "version", is: "=", to: 1 },
      { key: "b", target: "version", is: ">", to: 0 },
    ];

    const result = await store.txn(
      {
        when,
        then: [
          { put: "a", value: "new" },
          { put: "c", value: "" },
        ],
      },
      signal,
    );

    assert.deepEqual(result, { succeeded: false, revision: 1 });
    assert.equal((await store.get("a", signal))?.value, "old");
    assert.equal(await store.get("c", signal), undefined);
  });

  storeTest(open, "of many that create the same key at once, one succeeds", async (store, signal) => {
    const create = () =>
      store.txn(
        { when: [{ key: "a", target: "version", is: "=", to: 0 }], then: [{ put: "a", value: "" }] },
        signal,
      );

    const results = await Promise.all(Array.from({ length: 50 }, create));

    assert.equal(results.filter((result) => result.succeeded).length, 1);
    assert.equal(await store.revision(signal), 1);
  });

  storeTest(open, "writers that all add one to a counter lose no addition", async (store, signal) => {
    await put(store, "n", signal, "0");
    const increment = async () => {
      for (;;) {
        const now = await store.get("n", signal);
        const result = await store.txn(
          {
            when: [{ key: "n", target: "modRevision", is: "=", to: now?.modRevision ?? 0 }],
            then: [{ put: "n", value: String(Number(now?.value) + 1) }],
          },
          signal,
        );
        if (result.succeeded) return;
      }
    };

    await Promise.all(Array.from({ length: 20 }, increment));

    assert.equal((await store.get("n", signal))?.value, "20");
  });
}

function refusalContract(open: OpenStore): void {
  const refused = [
    [
      "a key written twice",
      [
        { put: "a", value: "1" },
        { put: "a", value: "2" },
      ],
      "request.malformed",
    ],
    ["a key written and deleted", [{ put: "a", value: "1" }, { delete: "a" }], "request.malformed"],
    [
      "a key written under a deleted prefix",
      [{ deletePrefix: "a" }, { put: "ab", value: "" }],
      "request.malformed",
    ],
    ["an empty key", [{ put: "", value: "1" }], "request.malformed"],
    ["a key with NUL", [{ put: "a\0", value: "1" }], "request.malformed"],
    ["half a surrogate pair", [{ put: "a", value: "\ud800" }], "request.malformed"],
    ["a key of more than 1024 bytes", [{ put: "é".repeat(513), value: "" }], "request.too_large"],
    ["a value of more than 1 MiB", [{ put: "a", value: "x".repeat(2 ** 20 + 1) }], "request.too_large"],
    [
      "a lease that does not exist",
      [
        { put: "b", value: "" },
        { put: "a", value: "1", lease: 7 },
      ],
      "store.lease_not_found",
    ],
  ] as const;
  for (const [what, then, code] of refused)
    storeTest(open, `${what} is refused, and nothing is written`, async (store, signal) => {
      const good = put(store, "good", signal);
      await assert.rejects(store.txn({ then }, signal), { code });
      await good;

      assert.deepEqual(await keysUnder(store, "", signal), ["good"]);
      assert.equal(await store.revision(signal), 1);
    });

  storeTest(open, "values come back as they were written", async (store, signal) => {
    for (const value of ["", "plain", "é\u{1f600}\ufeff", '{"a":"\\u0000"}', "x".repeat(2 ** 20), "\r\n\t"]) {
      await put(store, "a", signal, value);
      assert.equal((await store.get("a", signal))?.value, value);
    }
  });

  storeTest(open, "an aborted signal ends a call with its reason", async (store, signal) => {
    const reason = new Error("enough");
    const gone = AbortSignal.abort(reason);
    const soon = new AbortController();

    await assert.rejects(store.get("a", gone), reason);
    await assert.rejects(store.txn({ then: [{ put: "a", value: "" }] }, gone), reason);
    await assert.rejects(store.watch({ prefix: "" }, gone), reason);
    const pending = assert.rejects(store.range({ prefix: "" }, soon.signal), reason);
    soon.abort(reason);
    await pending;

    assert.equal(await store.revision(signal), 0);
  });

  storeTest(
    open,
    "what was written is there after the store was closed and opened",
    async (store, signal, { reopen }) => {
      await put(store, "a", signal, "kept");
      const again = await reopen();

      assert.equal((await again.get("a", signal))?.value, "kept");
      assert.equal(await put(again, "b", signal), 2);
      await assert.rejects(store.get("a", signal), { code: "store.unavailable" });
    },
  );
}

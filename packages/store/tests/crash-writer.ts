/** The process that the crash tests kill: writes as fast as it can, and says on stdout what was acknowledged. */
import { writeSync } from "node:fs";
import { flushCompileCache } from "node:module";

import { openSqliteStore } from "../src/sqlite/sqlite-store.ts";
import { laneNames, step } from "./crash-lanes.ts";

const path = process.argv[2] as string;
const signal = AbortSignal.timeout(60_000); // ends by itself if nobody kills it
// A short history, so that dropping it is interrupted as well.
const store = await openSqliteStore({ path, historyLimit: 400 }, signal);
flushCompileCache(); // a killed process keeps none, and compiling is most of a round
writeSync(1, `opened ${await store.revision(signal)}\n`);

await Promise.all(
  laneNames.map(async (lane) => {
    let count = Number((await store.get(`${lane}/a`, signal))?.value ?? 0);
    for (;;) {
      count += 1;
      const { revision } = await store.txn(step(lane, count), signal);
      writeSync(1, `${lane} ${count} ${revision}\n`);
    }
  }),
);

import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient, waitForOperation } from "@serai/api-contract/client";
import { nodeTransport } from "@serai/api-contract/node-transport";
import { startDaemon } from "../tests/harness/daemon.ts";
import { median, progress, report, round } from "./harness/figures.ts";

const { signal } = new AbortController();
const vmCount = 1000;

/** Resident memory of the processes, MiB. */
const residentMib = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return sum + Number(kib ?? 0) / 1024;
  }, 0);

/** The lowest of samples over a while: what stays when nothing happens. */
async function idleMib(pids: readonly number[], seconds: number): Promise<number> {
  let lowest = Number.POSITIVE_INFINITY;
  for (let sample = 0; sample < seconds * 2; sample++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    lowest = Math.min(lowest, residentMib(pids));
  }
  return lowest;
}

async function eachOf<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}

progress("starting once, so that compiled code is in its cache, as it is after set-up");
await (await startDaemon())[Symbol.asyncDispose]();
await using daemon = await startDaemon();
const secret = (await daemon.client.call("createToken", { body: { name: "bench", role: "admin" } }, signal))
  .secret;
const tls = join(daemon.stateDirectory, "control/tls");
const certificate = (await readdir(tls)).find((name) => /\.(crt|pem)$/.test(name) && !name.includes("key"));
const ca = await readFile(join(tls, certificate ?? "missing"), "utf8");
const transport = nodeTransport({ url: daemon.ready.apiUrl as string, ca });
const client = createClient(transport, { token: secret });

progress("idle");
const rssIdle = await idleMib(daemon.pids(), 5);

progress(`creating ${vmCount} VMs, 32 at a time`);
const names = Array.from({ length: vmCount }, (_, n) => `bench-${n}`);
const receipts: string[] = [];
const beforeCreate = performance.now();
await eachOf(names, 32, async (name) => {
  const made = await client.call(
    "createVm",
    { body: { name, disks: [], nics: [], memoryBytes: 64 * 1024 * 1024 } },
    signal,
  );
  receipts.push(made.id);
});
const createSeconds = (performance.now() - beforeCreate) / 1000;
progress("waiting until all are provisioned");
for (const id of receipts) await waitForOperation(client, id, {}, signal);
const rssWithVms = await idleMib(daemon.pids(), 8);

progress("listing");
const lists: number[] = [];
for (let turn = 0; turn < 60; turn++) {
  const before = performance.now();
  const page = await client.call("listVms", { query: { limit: 1000 } }, signal);
  if (page.items.length !== vmCount) throw new Error(`The list has ${page.items.length} VMs`);
  if (turn >= 10) lists.push(performance.now() - before);
}

progress("getting, 32 at a time");
const gets: number[] = [];
for (let turn = 0; turn < 7; turn++) {
  const before = performance.now();
  await eachOf([...names, ...names, ...names], 32, async (vm) => {
    await client.call("getVm", { params: { vm } }, signal);
  });
  gets.push((3 * vmCount) / ((performance.now() - before) / 1000));
}
transport.close();
report("api", {
  list_1000_ms_p50: round(median(lists), 1),
  get_per_s: round(median(gets), 0),
  create_per_s: round(vmCount / createSeconds, 0),
  rss_idle_mib: round(rssIdle, 0),
  rss_per_vm_mib: round((rssWithVms - rssIdle) / vmCount, 3),
});

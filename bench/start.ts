import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { waitForOperation, type Client } from "@serai/api-contract/client";
import { ensureGuestImage } from "../guest/images.ts";
import { createVm, startDaemon, takeBuiltin } from "../tests/harness/daemon.ts";
import { argvOf, startBare, stopBare } from "./harness/bare-qemu.ts";
import { median, progress, report, round } from "./harness/figures.ts";

const rounds = Number(process.env["ROUNDS"] ?? 9);
const { signal } = new AbortController();

/** The moment the guest's first line is in its serial log, by `performance.now()`. */
async function untilReady(log: string, ready: RegExp): Promise<number> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const text = await readFile(log, "utf8").catch(() => ""); // not there yet
    if (ready.test(text)) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`No first line in ${log} within a minute`);
}

async function call(client: Client, verb: "startVm" | "stopVm", vm: string): Promise<number> {
  const before = performance.now();
  const receipt =
    verb === "startVm"
      ? await client.call("startVm", { params: { vm } }, signal)
      : await client.call("stopVm", { params: { vm }, body: { force: true } }, signal);
  const ended = await waitForOperation(client, receipt.id, {}, signal);
  if (ended.phase !== "succeeded") throw new Error(`${verb}: ${ended.fault?.message ?? ended.phase}`);
  return performance.now() - before;
}

const tiny = await ensureGuestImage("tiny", { signal, onProgress: progress });
const ready = new RegExp(tiny.readyPattern, "m");
await using daemon = await startDaemon();
const { client, stateDirectory } = daemon;
await takeBuiltin(client, "tiny");
await createVm(client, { name: "bench", kernel: { image: "tiny" }, memoryBytes: 256 * 1024 * 1024 });
const { id, pid } = await client.call("getVm", { params: { vm: "bench" } }, signal);
const vmDirectory = join(stateDirectory, "host/vms", id, "qemu");
const bareDirectory = join(stateDirectory, "bare");
const argv = (await argvOf(pid as number)).map((word) => word.replaceAll(vmDirectory, bareDirectory));
await call(client, "stopVm", "bench");

const times = { call: [] as number[], hello: [] as number[], stop: [] as number[] };
const bare = { call: [] as number[], hello: [] as number[], stop: [] as number[] };
for (let round = 0; round < rounds; round++) {
  const before = performance.now();
  times.call.push(await call(client, "startVm", "bench"));
  times.hello.push((await untilReady(join(vmDirectory, "serial.log"), ready)) - before);
  times.stop.push(await call(client, "stopVm", "bench"));

  const qemu = await startBare(argv, bareDirectory, join(bareDirectory, "qmp.sock"));
  bare.call.push(qemu.startMs);
  bare.hello.push((await untilReady(join(bareDirectory, "serial.log"), ready)) - qemu.startedAtMs);
  bare.stop.push(await stopBare(qemu));
  const show = (set: typeof times) =>
    `${set.call.at(-1)?.toFixed(0)} / ${set.hello.at(-1)?.toFixed(0)} / ${set.stop.at(-1)?.toFixed(0)}`;
  progress(
    `round ${round + 1}/${rounds}, ms to start / first line / stop: Serai ${show(times)}, bare ${show(bare)}`,
  );
}
report("start", {
  call_ratio: round(median(times.call) / median(bare.call)),
  hello_ratio: round(median(times.hello) / median(bare.hello), 3),
  stop_ratio: round(median(times.stop) / median(bare.stop)),
  call_ms: round(median(times.call), 1),
  bare_call_ms: round(median(bare.call), 1),
  hello_ms: round(median(times.hello), 0),
  bare_hello_ms: round(median(bare.hello), 0),
  stop_ms: round(median(times.stop), 1),
  bare_stop_ms: round(median(bare.stop), 1),
});

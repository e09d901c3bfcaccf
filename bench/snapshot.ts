import { execFileSync } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { waitForOperation } from "@serai/api-contract/client";
import { loadMemory, receiveMemory } from "@serai/hypervisor/suspend/memory-transfer";
import type { Operation } from "@serai/model/operation";
import { execInGuest } from "@serai/qmp/agent-calls";
import { connectUnix } from "@serai/qmp/connect-unix";
import { openAgentSession } from "@serai/qmp/agent-session";
import type { QmpEvent } from "@serai/qmp/qmp-types";
import { openQmpSession, type QmpSession } from "@serai/qmp/session";
import { ensureGuestImage } from "../guest/images.ts";
import { createVm, startDaemon, takeBuiltin, until } from "../tests/harness/daemon.ts";
import { argvOf, startBare, type BareQemu } from "./harness/bare-qemu.ts";
import { median, progress, report, round } from "./harness/figures.ts";

/**
 * Snapshots with memory of a 512 MiB guest: taken, reverted to and deleted by Serai, and by the same QMP steps by
 * hand on the same hardware, one after another in each round.
 */
const rounds = Number(process.env["ROUNDS"] ?? 7);
const { signal } = new AbortController();
const MiB = 1024 * 1024;
const usedMiB = 150;
const fillGuest = `dd if=/dev/urandom of=/tmp/used bs=1M count=${usedMiB} 2>/dev/null; dd if=/dev/urandom of=/dev/vda bs=1M count=20 2>/dev/null; sync`;

await ensureGuestImage("tiny", { signal, onProgress: progress });
await using daemon = await startDaemon();
const { client, stateDirectory } = daemon;
await takeBuiltin(client, "tiny");
const vm = "bench";
await createVm(client, {
  name: vm,
  kernel: { image: "tiny" },
  memoryBytes: 512 * MiB,
  disks: [{ name: "data", sizeBytes: 256 * MiB }],
  nics: [],
});
const look = () => client.call("getVm", { params: { vm } }, signal);
await until("the guest answers", 120_000, async () =>
  (await look()).agent === "answering" ? true : undefined,
);
const { id, pid } = await look();
const bare = join(stateDirectory, "bare");
const vmDirectory = join(stateDirectory, "host/vms", id, "qemu");
const volumes = join(stateDirectory, "host/volumes", id);
const argv = (await argvOf(pid as number)).map((word) =>
  word.replaceAll(vmDirectory, bare).replaceAll(volumes, `${bare}-disks`),
);
const shell = { argv: ["/bin/sh", "-c", fillGuest], timeoutMs: 120_000 };
await client.call("execInVm", { params: { vm }, body: shell }, signal);

async function timed(
  request: Promise<Operation>,
  isDone: () => Promise<boolean> = async () => true,
): Promise<number> {
  const before = performance.now();
  const ended = await waitForOperation(client, (await request).id, {}, signal);
  if (ended.phase !== "succeeded") throw new Error(`${ended.verb}: ${ended.fault?.message ?? ended.phase}`);
  while (!(await isDone())) await new Promise((resolve) => setTimeout(resolve, 2));
  return performance.now() - before;
}

const disk = (name: string) => join(`${bare}-disks`, name);
const overlay = (below: string, above: string) =>
  execFileSync("qemu-img", [
    ...["create", "-q", "-f", "qcow2", "-o", "cluster_size=128k,extended_l2=on"],
    ...["-b", disk(below), "-F", "qcow2", disk(above)],
  ]);
const memory = `${bare}-disks/memory`;
const socketPath = join(bare, "migration.sock");

/** A QEMU that is driven by hand. */
type Hand = { bare: BareQemu | undefined; session: QmpSession; top: string; node: string };

async function startByHand(top: string, isIncoming: boolean): Promise<Hand> {
  const words = argv.map((word) => word.replace(disk("data.qcow2"), disk(top)));
  const started = await startBare(
    isIncoming ? [...words, "-incoming", "defer"] : words,
    bare,
    join(bare, "qmp.sock"),
    {
      leavesStopped: isIncoming,
    },
  );
  // The second monitor, because the first one has its client.
  const session = await openQmpSession({ socketPath: join(bare, "qmp2.sock") }, signal);
  return { bare: started, session, top, node: "disk-data" };
}

const untilEvent = (session: QmpSession, isIt: (event: QmpEvent) => boolean): Promise<void> =>
  new Promise((resolve) => {
    const stop = session.onEvent((event) => {
      if (!isIt(event)) return;
      stop();
      resolve();
    });
  });
const migration = (status: string) => (event: QmpEvent) =>
  event.event === "MIGRATION" && event.data.status === status;

async function createByHand(hand: Hand, name: string): Promise<void> {
  const { session } = hand;
  overlay(hand.top, name);
  const file = { driver: "file", filename: disk(name) } as const;
  await session.execute(
    "blockdev-add",
    { driver: "qcow2", "node-name": name, backing: null, file },
    {},
    signal,
  );
  const capabilities = (["events", "pause-before-switchover"] as const).map((capability) => ({
    capability,
    state: true,
  }));
  await session.execute("migrate-set-capabilities", { capabilities }, {}, signal);
  await session.execute(
    "migrate-set-parameters",
    { "max-bandwidth": 10 * 1024 ** 3, "downtime-limit": 20 },
    {},
    signal,
  );
  await using receiver = await receiveMemory({ socketPath, file: memory }, () => {}, signal);
  const [atRest, completed] = [
    untilEvent(session, migration("pre-switchover")),
    untilEvent(session, migration("completed")),
  ];
  await session.execute("migrate", { uri: receiver.uri }, {}, signal);
  await atRest;
  await session.execute("blockdev-snapshot", { node: hand.node, overlay: name }, {}, signal);
  await session.execute("migrate-continue", { state: "pre-switchover" }, {}, signal);
  await completed;
  await session.execute("cont", {}, {}, signal);
  await receiver.received;
}

async function endByHand({ bare: running, session }: Hand): Promise<void> {
  const hasEnded = running?.child.exitCode !== null || running.child.signalCode !== null;
  const gone = hasEnded ? undefined : new Promise((resolve) => running.child.once("exit", resolve));
  await session.execute("quit", {}, {}, signal).catch(() => {}); // its end is the answer
  await gone;
  running?.monitor.destroy();
}

async function revertByHand(hand: Hand, name: string): Promise<Hand> {
  await endByHand(hand);
  overlay(hand.top, name);
  const next = await startByHand(name, true);
  await loadMemory({ session: next.session, socketPath, file: memory }, connectUnix, signal);
  await next.session.execute("cont", {}, {}, signal);
  return next;
}

async function deleteByHand(hand: Hand, below: string): Promise<void> {
  const done = untilEvent(hand.session, (event) => event.event === "BLOCK_JOB_COMPLETED");
  await hand.session.execute("block-stream", { "job-id": "merge", device: hand.node }, {}, signal);
  await done;
  await rm(disk(below));
  await rm(memory);
}

await mkdir(`${bare}-disks`, { recursive: true });
execFileSync("qemu-img", [
  "create",
  "-q",
  "-f",
  "qcow2",
  "-o",
  "cluster_size=128k,extended_l2=on",
  disk("data.qcow2"),
  `${256 * MiB}`,
]);
let hand = await startByHand("data.qcow2", false);
try {
  const agent = openAgentSession({ socketPath: join(bare, "agent.sock") });
  await until("the other guest is filled", 120_000, () =>
    execInGuest(agent, { path: "/bin/sh", args: ["-c", fillGuest], timeoutMs: 60_000 }, signal).catch(
      () => undefined,
    ),
  );
  await agent[Symbol.asyncDispose]();
  const serai = {
    create: [] as number[],
    revert: [] as number[],
    delete: [] as number[],
    pause: [] as number[],
  };
  const plain = { create: [] as number[], revert: [] as number[], delete: [] as number[] };
  const measure = async (times: number[], work: () => Promise<void>) => {
    const before = performance.now();
    await work();
    times.push(performance.now() - before);
  };
  for (let at = 0; at < rounds; at++) {
    const name = `s${at}`;
    const params = { vm, snapshot: name };
    serai.create.push(
      await timed(client.call("createSnapshot", { params: { vm }, body: { name, memory: true } }, signal)),
    );
    await measure(plain.create, () => createByHand(hand, `a${at}`));
    serai.pause.push((await client.call("getSnapshot", { params }, signal)).pauseMs ?? 0);
    const isUp = async () => (await look()).state === "running";
    serai.revert.push(await timed(client.call("revertToSnapshot", { params }, signal), isUp));
    await measure(plain.revert, async () => {
      hand = await revertByHand(hand, `b${at}`);
    });
    serai.delete.push(await timed(client.call("deleteSnapshot", { params }, signal)));
    const below = at === 0 ? "data.qcow2" : `b${at - 1}`;
    await measure(plain.delete, () => deleteByHand(hand, below));
    await rm(disk(`a${at}`));
    const show = (times: Pick<typeof serai, "create" | "revert" | "delete">) =>
      [times.create, times.revert, times.delete].map((list) => list.at(-1)?.toFixed(0)).join(" / ");
    progress(
      `round ${at + 1}/${rounds}, ms to create / revert / delete: Serai ${show(serai)}, by hand ${show(plain)}`,
    );
  }
  report("snapshot", {
    create_ratio: round(median(serai.create) / median(plain.create)),
    revert_ratio: round(median(serai.revert) / median(plain.revert)),
    delete_ratio: round(median(serai.delete) / median(plain.delete)),
    pause_ms: round(median(serai.pause), 1),
    create_ms: round(median(serai.create), 0),
    revert_ms: round(median(serai.revert), 0),
    delete_ms: round(median(serai.delete), 0),
    bare_create_ms: round(median(plain.create), 0),
    bare_revert_ms: round(median(plain.revert), 0),
    bare_delete_ms: round(median(plain.delete), 0),
  });
} finally {
  await endByHand(hand).catch(() => {});
  hand.bare?.child.kill("SIGKILL");
}

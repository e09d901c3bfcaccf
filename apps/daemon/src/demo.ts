import { parseArgs } from "node:util";
import { createClient, waitForOperation, type Client } from "@serai/api-contract/client";
import { nodeTransport } from "@serai/api-contract/node-transport";
import { Fault, isFault } from "@serai/kit/fault";
import { GiB, MiB, type VmSpec } from "@serai/model/vm-spec";
import { sentenceOf } from "./sentence-of.ts";
import { stateDirectory } from "./state-directory.ts";

/**
 * Takes the images that were built on this machine and starts one guest of each, through the API like any client.
 * Changes nothing that is there already, except that stopped demo guests are started again.
 */

type Demo = { image: string; what: string; spec: VmSpec };

const demos: Demo[] = [
  {
    image: "tiny",
    what: "a Linux kernel and busybox in memory",
    spec: { name: "demo-tiny", memoryBytes: 256 * MiB, kernel: { image: "tiny" } },
  },
  {
    image: "debian-12",
    what: "Debian 12 from a disk",
    spec: {
      name: "demo-debian",
      memoryBytes: 768 * MiB,
      disks: [{ name: "root", image: "debian-12", sizeBytes: 8 * GiB }],
    },
  },
  {
    image: "memtest86",
    what: "a memory tester, no operating system",
    spec: {
      name: "demo-memtest",
      memoryBytes: 128 * MiB,
      kernel: { image: "memtest86" },
      nics: [],
      hasAgent: false,
    },
  },
];

const deadlineMs = 5 * 60_000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function done(client: Client, operation: { id: string }, signal: AbortSignal): Promise<void> {
  const end = await waitForOperation(client, operation.id, {}, signal);
  if (end.phase === "succeeded") return;
  throw new Fault("setup.failed", end.fault?.message ?? `The operation was ${end.phase}.`);
}

/** True for "there is none"; anything else is thrown. */
async function isMissing(look: Promise<unknown>): Promise<boolean> {
  try {
    await look;
    return false;
  } catch (error) {
    if (isFault(error, "image.not_found") || isFault(error, "vm.not_found")) return true;
    throw error;
  }
}

async function ensureImage(client: Client, name: string, signal: AbortSignal): Promise<void> {
  const look = client.call("getImage", { params: { image: name } }, signal);
  if (!(await isMissing(look))) {
    if ((await look).phase !== "failed") return;
    await done(client, await client.call("deleteImage", { params: { image: name } }, signal), signal);
  }
  const body = { name, source: { kind: "builtin", name } } as const;
  await done(client, await client.call("createImage", { body }, signal), signal);
}

async function ensureGuest(client: Client, { spec, what }: Demo, signal: AbortSignal): Promise<void> {
  const params = { vm: spec.name };
  const look = client.call("getVm", { params }, signal);
  if (await isMissing(look)) {
    await done(client, await client.call("createVm", { body: spec, query: { start: true } }, signal), signal);
    return say(`  ${spec.name}: ${what}, started`);
  }
  if ((await look).power === "running") return say(`  ${spec.name}: ${what}, is there already`);
  await done(client, await client.call("startVm", { params }, signal), signal);
  say(`  ${spec.name}: ${what}, started again`);
}

async function seed(client: Client, demo: Demo, signal: AbortSignal): Promise<boolean> {
  try {
    await ensureImage(client, demo.image, signal);
    await ensureGuest(client, demo, signal);
    return true;
  } catch (error) {
    say(`  ${demo.spec.name}: ${sentenceOf(error)}`);
    return false;
  }
}

const { values } = parseArgs({ options: { "state-dir": { type: "string" } } });
const { apiSocket } = stateDirectory(
  values["state-dir"] ?? process.env["SERAI_STATE_DIR"] ?? "/var/lib/serai",
);
const transport = nodeTransport({ socketPath: apiSocket });
const client = createClient(transport);
const signal = AbortSignal.timeout(deadlineMs);
say("Starting the demo guests…");
const results = await Promise.all(demos.map((demo) => seed(client, demo, signal)));
transport.close();
process.exit(results.every(Boolean) ? 0 : 1);

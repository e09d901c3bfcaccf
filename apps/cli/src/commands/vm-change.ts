import type { VmChange, VmSpec } from "@serai/model/vm-spec";
import { specOf } from "../appliance-spec.ts";
import type { Context } from "../context.ts";
import { parseDisk, parseForward, parseLabels, parseSize, parseWhole } from "../parse-values.ts";

export type SpecOptions = {
  description?: string;
  label?: string[];
  cpus?: string;
  memory?: string;
  firmware?: string;
  image?: string;
  kernel?: string;
  cmdline?: string;
  diskSize?: string;
  disk?: string[];
  forward?: string[];
  network?: string;
  group?: string[];
  nic?: boolean;
  display?: string;
  watchdog?: boolean;
  onShutdown?: string;
  onPanic?: string;
  onHang?: string;
  onCrash?: string;
};

/** Options as a change; values the server checks are passed on as they are, so that there is one judge. */
export function changeFrom(options: SpecOptions): VmChange {
  const policy = {
    onShutdown: options.onShutdown,
    onPanic: options.onPanic,
    onHang: options.onHang,
    onCrash: options.onCrash,
  };
  const given = Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
  return {
    ...(options.description !== undefined && { description: options.description }),
    ...(options.label !== undefined && { labels: parseLabels(options.label) }),
    ...(options.cpus !== undefined && { cpus: parseWhole(options.cpus, "--cpus", 1, 64) }),
    ...(options.memory !== undefined && { memoryBytes: parseSize(options.memory, "--memory") }),
    ...(options.firmware !== undefined && { firmware: options.firmware }),
    ...(options.display !== undefined && { display: options.display }),
    ...(options.watchdog !== undefined && { hasWatchdog: options.watchdog }),
    ...(Object.keys(given).length > 0 && { policy: given }),
  } as VmChange;
}

export function specFrom(name: string, options: SpecOptions): VmSpec {
  const root = {
    name: "root",
    ...(options.image !== undefined && { image: options.image }),
    ...(options.diskSize !== undefined && { sizeBytes: parseSize(options.diskSize, "--disk-size") }),
  };
  const hasRoot = options.image !== undefined || options.diskSize !== undefined;
  const disks = [...(hasRoot ? [root] : []), ...(options.disk ?? []).map(parseDisk)];
  const forwards = (options.forward ?? []).map(parseForward);
  const nic = {
    ...(forwards.length > 0 && { forwards }),
    ...(options.network !== undefined && { network: options.network }),
    ...(options.group !== undefined && { groups: options.group }),
  };
  return {
    name,
    ...changeFrom(options),
    disks,
    ...(options.kernel !== undefined && {
      kernel: { image: options.kernel, ...(options.cmdline !== undefined && { cmdline: options.cmdline }) },
    }),
    ...(options.nic === false && { nics: [] }),
    ...(Object.keys(nic).length > 0 && { nics: [{ name: "nic0", ...nic }] }),
  };
}

export async function createVm(
  context: Context,
  name: string,
  options: SpecOptions & { start?: boolean },
): Promise<void> {
  const client = await context.client();
  const image =
    options.image === undefined
      ? undefined
      : await client.call("getImage", { params: { image: options.image } }, context.signal);
  const receipt = await client.call(
    "createVm",
    { body: specOf(specFrom(name, options), image), query: { start: options.start === true } },
    context.signal,
  );
  const ended = await context.finish(receipt, `Creating ${name}`);
  context.show(
    ended,
    () => `Created ${name} (${ended.target.id})${options.start === true ? ", running" : ""}.`,
  );
}

export async function setVm(
  context: Context,
  reference: string,
  options: SpecOptions & { name?: string },
): Promise<void> {
  const client = await context.client();
  const body = { ...changeFrom(options), ...(options.name !== undefined && { name: options.name }) };
  const receipt = await client.call("changeVm", { params: { vm: reference }, body }, context.signal);
  const ended = await context.finish(receipt, `Changing ${reference}`);
  context.show(ended, () => `Changed ${ended.target.name ?? reference}.`);
}

export async function removeVms(
  context: Context,
  references: readonly string[],
  options: { force?: boolean },
): Promise<void> {
  const client = await context.client();
  const query = { force: options.force === true };
  await each(context, references, "Deleted", (vm) =>
    client.call("deleteVm", { params: { vm }, query }, context.signal),
  );
}

export type PowerVerb = "startVm" | "pauseVm" | "resumeVm" | "resetVm" | "suspendVm";
const pastTense: Readonly<Record<PowerVerb, string>> = {
  startVm: "Started",
  pauseVm: "Paused",
  resumeVm: "Resumed",
  resetVm: "Reset",
  suspendVm: "Suspended",
};

export async function powerVms(
  context: Context,
  verb: PowerVerb,
  references: readonly string[],
): Promise<void> {
  const client = await context.client();
  await each(context, references, pastTense[verb], (vm) =>
    client.call(verb, { params: { vm } }, context.signal),
  );
}

export async function stopVms(
  context: Context,
  references: readonly string[],
  options: { force?: boolean; deadline?: string },
): Promise<void> {
  const client = await context.client();
  const body = {
    ...(options.force === true && { force: true }),
    ...(options.deadline !== undefined && {
      deadlineSeconds: parseWhole(options.deadline, "--deadline", 1, 3600),
    }),
  };
  await each(context, references, "Stopped", (vm) =>
    client.call("stopVm", { params: { vm }, body }, context.signal),
  );
}

type Receipt = Awaited<ReturnType<Context["finish"]>>;

/** Sends all requests first, then waits for each; the first failure is thrown once the others have ended. */
async function each(
  context: Context,
  references: readonly string[],
  done: string,
  request: (vm: string) => Promise<Receipt>,
): Promise<void> {
  const results = await Promise.allSettled(
    references.map(async (vm) => context.finish(await request(vm), `${vm}`)),
  );
  const ended = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  if (context.isJson) context.show(ended, () => "");
  else for (const operation of ended) context.say(`${done} ${operation.target.name ?? operation.target.id}.`);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

import { randomBytes } from "node:crypto";
import type { Client } from "@serai/api-contract/client";
import type { ImageView, VmView } from "@serai/api-contract/schemas";
import { delay } from "@serai/kit/deadline";
import { Fault } from "@serai/kit/fault";
import type { Context } from "../context.ts";
import { specOf } from "../appliance-spec.ts";
import { OperationFailed } from "../exit-codes.ts";
import { specFrom, type SpecOptions } from "./vm-change.ts";
import { openConsole } from "./vm-inside.ts";

export type RunOptions = SpecOptions & { name?: string; detach?: boolean; rm?: boolean };

/**
 * From an image's name to a running guest in this terminal: gets the image if it is not here, makes a VM, starts it
 * and joins its serial port. Ctrl-] leaves the guest running, unless `--rm` was given.
 */
export async function runImage(context: Context, imageName: string, options: RunOptions): Promise<void> {
  const client = await context.client();
  const image = await ensureImage(context, client, imageName);
  const name =
    options.name ?? `${image.name.replaceAll(/[^a-z0-9-]/g, "-")}-${randomBytes(2).toString("hex")}`;
  const source = image.kind === "kernel" ? { kernel: image.name } : { image: image.name };
  const receipt = await client.call(
    "createVm",
    { body: specOf(specFrom(name, { ...options, ...source }), image), query: { start: true } },
    context.signal,
  );
  await context.finish(receipt, `Starting ${name}`);
  const vm = await client.call("getVm", { params: { vm: name } }, context.signal);
  if (options.detach === true) {
    return context.show(
      vm,
      () => `${name} runs. serai vm console ${name} joins it, serai vm stop ${name} stops it.`,
    );
  }
  const how = await openConsole(context, name);
  if (options.rm === true) return remove(client, name);
  const now = how === "ended" ? await untilSettled(client, name, context.signal) : undefined;
  process.stderr.write(
    now?.state === "absent"
      ? `${name} has stopped. serai vm start ${name} starts it again, serai vm rm ${name} deletes it.\n`
      : `${name} goes on running. serai vm console ${name} joins it again, serai vm stop ${name} stops it.\n`,
  );
}

/** The serial port closes a moment before the VM's end is recorded. */
async function untilSettled(client: Client, vm: string, signal: AbortSignal): Promise<VmView> {
  for (let attempt = 0; ; attempt++) {
    const now = await client.call("getVm", { params: { vm } }, signal);
    if (now.state === "absent" || attempt === 20) return now;
    await delay(100, signal);
  }
}

async function remove(client: Client, vm: string): Promise<void> {
  // Also after Ctrl-C, whose signal has fired: what --rm promised is kept.
  await client.call("deleteVm", { params: { vm }, query: { force: true } }, AbortSignal.timeout(10_000));
  process.stderr.write(`${vm} is deleted.\n`);
}

async function ensureImage(context: Context, client: Client, name: string): Promise<ImageView> {
  const get = () => client.call("getImage", { params: { image: name } }, context.signal);
  try {
    return await get();
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "image.not_found") throw error;
  }
  if (!(await tryTake(context, client, { name, source: { kind: "builtin", name } }))) {
    const receipt = await client.call(
      "createImage",
      { body: { name, source: { kind: "catalogue", name } } },
      context.signal,
    );
    await context.finish(receipt, `Pulling ${name}`);
  }
  return get();
}

/** False when this host has built no such image. */
async function tryTake(
  context: Context,
  client: Client,
  body: { name: string; source: { kind: "builtin"; name: string } },
): Promise<boolean> {
  const receipt = await client.call("createImage", { body }, context.signal);
  try {
    await context.finish(receipt, `Taking ${body.name}`);
    return true;
  } catch (error) {
    if (!(error instanceof OperationFailed)) throw error;
    const removal = await client.call("deleteImage", { params: { image: body.name } }, context.signal);
    await context.finish(removal, `Looking further for ${body.name}`);
    return false;
  }
}

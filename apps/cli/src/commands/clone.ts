import type { Context } from "../context.ts";

export async function cloneVm(
  context: Context,
  vm: string,
  name: string,
  options: { full?: boolean; snapshot?: string; start?: boolean },
): Promise<void> {
  const client = await context.client();
  const body = {
    name,
    kind: options.full === true ? ("full" as const) : ("linked" as const),
    ...(options.snapshot !== undefined && { snapshot: options.snapshot }),
    ...(options.start === true && { start: true }),
  };
  const receipt = await client.call("cloneVm", { params: { vm }, body }, context.signal);
  const ended = await context.finish(receipt, `Cloning ${vm}`);
  context.show(ended, () => `Made ${name} (${ended.target.id}), a ${body.kind} clone of ${vm}.`);
}

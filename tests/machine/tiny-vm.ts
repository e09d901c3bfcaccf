import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { execInGuest } from "@serai/qmp/agent-calls";
import { ensureGuestImage } from "../../guest/images.ts";
import type { LaunchPlan } from "../../packages/hypervisor/src/launch-plan.ts";
import type { VmDriver } from "../../packages/hypervisor/src/vm-driver.ts";
import { patience, type DriverFixture } from "../../packages/hypervisor/tests/fixture.ts";

const MiB = 1024 * 1024;

/** Starts the small guest and waits for its agent. */
export async function bootTiny(
  world: DriverFixture,
  spec: Partial<LaunchPlan["spec"]> = {},
): Promise<VmDriver> {
  const { files, cmdline = "" } = await ensureGuestImage("tiny");
  if (files.kernel === undefined || files.initrd === undefined)
    throw new Error("the image tiny is not whole");
  // A VM's own user may not walk to the builder's cache.
  const kernel = { path: join(world.root, "kernel"), initrdPath: join(world.root, "initrd"), cmdline };
  await copyFile(files.kernel.path, kernel.path);
  await copyFile(files.initrd.path, kernel.initrdPath);
  const plan = world.plan({ memoryBytes: 192 * MiB, ...spec }, { kernel });
  const driver = await world.open();
  await driver.launch(plan, patience());
  await world.until("the agent", ({ agent }) => agent === "answering");
  return driver;
}

/** What a script says in the guest, run by its root. */
export async function shell(driver: VmDriver, script: string): Promise<string> {
  const call = { path: "/bin/sh", args: ["-c", script], timeoutMs: 40_000 };
  return (await execInGuest(driver.agent(), call, patience())).stdout.toString().trim();
}

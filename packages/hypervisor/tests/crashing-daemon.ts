/* A daemon that launches, suspends and restores one VM for ever, until somebody kills it. Run by a test, with the directory as argument. */
import { createLogger } from "@serai/kit/logger";
import { openVmDriver, type VmDriverConfig } from "../src/vm-driver.ts";
import type { LaunchPlan } from "../src/launch-plan.ts";

const [directory = "", planText = "{}", meansText = "{}", verb = ""] = process.argv.slice(2);
const { signal } = new AbortController();
const driver = await openVmDriver(
  {
    directory,
    ...(JSON.parse(meansText) as Pick<VmDriverConfig, "qemu" | "jail">),
    accelerator: "tcg",
    logger: createLogger("test", "silent"),
    onChange: () => {},
  },
  signal,
);
process.stdout.write("ready\n");
const plan = JSON.parse(planText) as LaunchPlan;
for (;;) {
  if (driver.sighting().state !== "running") await driver.launch(plan, signal);
  if (verb === "kill") await driver.kill(signal);
  else await driver.suspend(signal);
}

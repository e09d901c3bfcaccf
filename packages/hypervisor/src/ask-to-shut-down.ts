import { shutDownGuest } from "@serai/qmp/agent-calls";
import type { LiveVm } from "./live-vm.ts";

const agentWithinMs = 10_000;

/** Asks the guest to shut down: by its agent while that answers, else by the power button. Resolves once asked. */
export async function askToShutDown(live: LiveVm, signal: AbortSignal): Promise<void> {
  if (live.agentWatch?.state === "answering") void askAgent(live);
  else await live.session.execute("system_powerdown", {}, {}, signal);
}

async function askAgent(live: LiveVm): Promise<void> {
  const patience = AbortSignal.any([AbortSignal.timeout(agentWithinMs), live.detached]);
  try {
    if (live.agent !== undefined) await shutDownGuest(live.agent, "powerdown", patience);
  } catch {
    // It refused or fell silent: the power button is what is left. If QEMU is gone, so is the need.
    await live.session.execute("system_powerdown", {}, {}, live.detached).catch(() => {});
  }
}

import type { ExitCause, VmTrouble } from "@serai/model/vm";
import type { ExitStatus } from "./process/exit-status.ts";

/** What is known when a QEMU is gone. */
export type EndFacts = {
  /** Undefined when nobody could see it. */
  status: ExitStatus | undefined;
  isRequested: boolean;
  hasGuestShutDown: boolean;
  trouble: VmTrouble | undefined;
  /** The kernel killed it for want of memory. */
  isOutOfMemory: boolean;
  /** The machine booted since. */
  hasHostRebooted: boolean;
  /** A daemon was connected to it until the end. */
  wasWatched: boolean;
  lastWords: string;
};

/** Judges why a guest's process ended, and says it in one sentence. */
export function judgeExit(facts: EndFacts): { cause: ExitCause; detail: string } {
  const { trouble, status, lastWords } = facts;
  if (facts.hasHostRebooted) return { cause: "host_reboot", detail: "The host was restarted." };
  if (facts.isRequested && trouble?.kind === "guest_panic")
    return { cause: "guest_panic", detail: "The guest's kernel panicked." };
  if (facts.isRequested && trouble?.kind === "guest_hang")
    return { cause: "guest_hang", detail: "The guest stopped answering." };
  if (facts.isRequested) return { cause: "requested", detail: "Stopped on request." };
  if (facts.hasGuestShutDown) return { cause: "guest_shutdown", detail: "The guest shut itself down." };
  if (facts.isOutOfMemory)
    return { cause: "host_oom", detail: "The kernel ended QEMU because memory ran out." };
  const words = lastWords === "" ? "" : ` Its last words: ${lastWords}`;
  if (status === undefined) return judgeUnseen(facts, words);
  if (status.signal === "SIGKILL")
    return { cause: "process_killed", detail: `Somebody killed QEMU with SIGKILL.${words}` };
  if (status.signal !== undefined)
    return { cause: "process_crash", detail: `QEMU died of ${status.signal}.${words}` };
  if (status.code === 0)
    return { cause: "process_killed", detail: `Somebody on the host told QEMU to quit.${words}` };
  return { cause: "process_crash", detail: `QEMU ended with code ${status.code}.${words}` };
}

function judgeUnseen(
  { wasWatched, lastWords }: EndFacts,
  words: string,
): { cause: ExitCause; detail: string } {
  if (!wasWatched) return { cause: "vanished", detail: `QEMU ended while nobody watched.${words}` };
  // Its parent was an earlier daemon, so its status went to the kernel. One that crashes has something to say.
  return lastWords === ""
    ? { cause: "process_killed", detail: "QEMU was gone from one moment to the next, without a word." }
    : { cause: "process_crash", detail: `QEMU ended.${words}` };
}

import { bootId } from "@serai/linux/process-identity";
import type { VmExit } from "@serai/model/vm";
import { judgeExit } from "./exit-cause.ts";
import type { ExitStatus } from "./process/exit-status.ts";
import { wasKilledForMemory } from "./process/kernel-oom.ts";
import { lastWords } from "./process/last-words.ts";
import type { RunRecord } from "./run-record.ts";
import type { VmDirectory } from "./vm-directory.ts";

export type EndedRun = {
  record: RunRecord;
  directory: VmDirectory;
  /** Undefined when nobody could see it. */
  status: ExitStatus | undefined;
  wasWatched: boolean;
  /** How often the kernel has killed in this VM's group, where there is one. */
  oomKills: number | undefined;
};

/** Gathers what is known about the end of a run, and judges it. */
export function judgeRun({ record, directory, status, wasWatched, oomKills }: EndedRun): VmExit {
  const isShutDownOnRequest = record.isStopping === true && record.hasGuestShutDown === true;
  const isRequested = record.isKilling === true || isShutDownOnRequest;
  const mayBeForMemory = !isRequested && (status === undefined || status.signal === "SIGKILL");
  const judged = judgeExit({
    status,
    isRequested,
    hasGuestShutDown: record.hasGuestShutDown === true,
    trouble: record.trouble,
    isOutOfMemory: mayBeForMemory && wasOutOfMemory(record, oomKills),
    hasHostRebooted: record.bootId !== bootId(),
    wasWatched,
    lastWords: isRequested ? "" : lastWords(directory.log),
  });
  return { ...judged, at: new Date().toISOString(), generation: record.plan.generation };
}

function wasOutOfMemory({ oomKillsBefore = 0, process }: RunRecord, oomKills: number | undefined): boolean {
  if (oomKills !== undefined && oomKills > oomKillsBefore) return true;
  return process !== undefined && wasKilledForMemory(process.pid);
}

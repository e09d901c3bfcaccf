import type { HostVerb } from "@serai/model/host-request";
import type { VmRecord, VmSighting } from "@serai/model/vm";

/** Decides whether the store's intent gives a reason for this step. The caller's word is none. */
export function isVerbAllowed(verb: HostVerb, record: VmRecord, seen: VmSighting): boolean {
  const wantsProcess = !record.isDeleting && (record.power === "running" || record.power === "paused");
  const wantsEnd = record.isDeleting || record.power === "stopped";
  switch (verb) {
    case "provision":
      return !record.isDeleting;
    case "launch":
      return wantsProcess;
    case "pause":
      return wantsProcess && record.power === "paused";
    case "resume":
      return record.power === "running" || wantsEnd;
    case "reset":
      return wantsProcess && record.resetCount > seen.resetCount;
    case "shut_down":
      return wantsEnd;
    case "kill":
      // One that was asked to shut down, and is wanted again meanwhile, must end before it can start.
      return wantsEnd || seen.trouble !== undefined || seen.state === "stopping";
    case "suspend":
      return !record.isDeleting && record.power === "suspended";
    case "discard_suspend":
      return wantsEnd;
    case "remove":
      return record.isDeleting;
  }
}

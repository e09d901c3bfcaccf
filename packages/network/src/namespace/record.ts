import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { ProcessIdentity } from "@serai/linux/process-identity";
import type { NicAttachment } from "@serai/model/network";
import type { SecurityGroupSpec } from "@serai/model/security-group";
import type { NetworkWish } from "../network-driver.ts";

/** A NIC as the rules know it. */
export type KnownNic = NicAttachment & {
  /** Names the NIC in packet marks; 1 to 65535, the same for as long as the NIC is known. */
  mark: number;
  /** Plugged on this host; the others are here for their names and addresses. */
  isLocal: boolean;
};

/** What must survive a restart of the daemon and cannot be read from the kernel. */
export type NetworkState = {
  wish: NetworkWish;
  /** Which of the transfer subnets between host and namespace is its own. */
  index: number;
  nics: KnownNic[];
  groups: SecurityGroupSpec[];
  dnsmasq?: { identity: ProcessIdentity; config: string };
};

/** Undefined when there is none. One that is no JSON was being written when the machine lost power: none, too. */
export function readState(file: string): NetworkState | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as NetworkState;
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export function writeState(file: string, state: NetworkState): void {
  const part = `${file}.part`;
  writeFileSync(part, JSON.stringify(state), { mode: 0o600 });
  renameSync(part, file);
}

/** Adds or replaces a NIC. Its mark stays; a new one gets the smallest free mark. */
export function withNic(nics: readonly KnownNic[], attachment: NicAttachment, isLocal: boolean): KnownNic[] {
  const isSame = (nic: KnownNic) => nic.vm === attachment.vm && nic.nic === attachment.nic;
  const before = nics.find(isSame);
  const marks = new Set(nics.map((nic) => nic.mark));
  let mark = before?.mark ?? 1;
  if (before === undefined) while (marks.has(mark)) mark++;
  const after = { ...attachment, mark, isLocal: isLocal || before?.isLocal === true };
  return [...nics.filter((nic) => !isSame(nic)), after].toSorted((a, b) => a.mark - b.mark);
}

/** The whole table anew. What is plugged here stays, because a table may be older than a plug. */
export function withTable(before: readonly KnownNic[], attachments: readonly NicAttachment[]): KnownNic[] {
  const isKept = (nic: KnownNic) =>
    nic.isLocal || attachments.some((other) => other.vm === nic.vm && other.nic === nic.nic);
  return attachments.reduce((nics, attachment) => withNic(nics, attachment, false), before.filter(isKept));
}

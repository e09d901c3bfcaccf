import type { ImageRecord } from "@serai/model/image";
import type { NetworkRecord } from "@serai/model/network";
import type { SecurityGroupSpec } from "@serai/model/security-group";
import type { SnapshotRecord } from "@serai/model/snapshot";
import type { VmRecord } from "@serai/model/vm";

/**
 * The store's intent, read by the host itself. Requests only say when to act; what to do is read here.
 * Its text was written by the process that faces the network, so records are validated before use.
 * All throw `store.unavailable` when it cannot be read: then nothing may be concluded from an absence.
 */
export type IntentSource = {
  /** JSON of a record, as stored. */
  vm(id: string): string | undefined;
  image(id: string): string | undefined;
  snapshot(id: string): string | undefined;
  network(id: string): string | undefined;
  securityGroups(): string[];
  vmIds(): string[];
  /** Records of VMs whose text contains this one, which is an id: a cheap first look at many. */
  vmsContaining(text: string): { id: string; text: string }[];
  imageIds(): string[];
  networkIds(): string[];
};

export type Intents = {
  vm(id: string): VmRecord | undefined;
  image(id: string): ImageRecord | undefined;
  snapshot(id: string): SnapshotRecord | undefined;
  network(id: string): NetworkRecord | undefined;
  securityGroups(): SecurityGroupSpec[];
  vmIds(): Set<string>;
  /** The VMs that name this id somewhere. */
  vmsNaming(id: string): VmRecord[];
  imageIds(): Set<string>;
  networkIds(): Set<string>;
};

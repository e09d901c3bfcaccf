import type { Bandwidth, CompleteNetworkSpec, NetworkKind, NicAttachment } from "@serai/model/network";
import type { SecurityGroupSpec } from "@serai/model/security-group";
import type { FeatureReport } from "./features.ts";

/** A network as this host should have it. */
export type NetworkWish = {
  id: string;
  spec: CompleteNetworkSpec;
  /** For overlays: where this host and the others that have the network are reached, by IPv4. */
  tunnel?: { local: string; peers: string[] };
};

export type NicId = Pick<NicAttachment, "network" | "vm" | "nic">;

/** All NICs of a network, on whichever host, and the groups that they name. */
export type NicTable = { nics: NicAttachment[]; groups: SecurityGroupSpec[] };

/** An open tap. Give `fd` to QEMU and close our copy; the tap lives as long as anybody holds it. */
export type PluggedNic = {
  fd: number;
  ifname: string;
  mtu: number;
  close(): void;
};

/** What a host has of a network. `isLive`: a process holds the tap. */
export type NetworkSighting = {
  id: string;
  /** Why it is not whole: `ensure` mends it. */
  problem?: string;
  nics: { vm: string; nic: string; isLive: boolean }[];
};

export type NicAddress = { vm: string; nic: string; mac: string; addresses: string[] };

export type NetworkAbilities = {
  kinds: NetworkKind[];
  hasSecurityGroups: boolean;
  hasBandwidth: boolean;
  hasVlans: boolean;
  hasOverlays: boolean;
  features: FeatureReport[];
};

/** Networks of one host. The layers above ask `can`, never the driver's name. */
export type NetworkDriver = {
  readonly can: NetworkAbilities;
  /**
   * Makes the network, or brings what is there in line; running guests are not disturbed. Idempotent. Looks closely
   * once a minute at most, so call it periodically; a VM's start needs only `plug`.
   */
  ensure(wish: NetworkWish, signal: AbortSignal): Promise<void>;
  /** Removes all that belongs to the network. Refuses (`network.in_use`) while a guest holds a tap. Idempotent. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  /**
   * Makes the NIC's tap, protected from its first frame on. The same NIC again, before `close`, gives the same tap;
   * while its QEMU holds it: `network.nic_in_use`.
   */
  plug(attachment: NicAttachment, signal: AbortSignal): Promise<PluggedNic>;
  /** Forgets the NIC: its rules, its lease and, once QEMU has closed it, its tap. Idempotent. */
  unplug(nic: NicId, signal: AbortSignal): Promise<void>;
  /** Replaces groups, addresses and names in one step; flows that exist go on. NICs plugged here are kept. */
  applyRules(id: string, table: NicTable, signal: AbortSignal): Promise<void>;
  /** Limits a live NIC; empty takes the limits away. */
  setBandwidth(nic: NicId, bandwidth: Bandwidth, signal: AbortSignal): Promise<void>;
  addresses(id: string): NicAddress[];
  /** Everything that exists, wanted or not: what the orphan sweep compares with intent. */
  list(): NetworkSighting[];
  /** Lets go of what this process holds; networks and guests go on. */
  close(): void;
};

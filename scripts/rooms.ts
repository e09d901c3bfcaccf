/**
 * Which room may import which: the table of ARCHITECTURE.md as data.
 * A port (an interface that someone else implements) lives with its caller, so arrows point down only.
 */
export type RoomRule = {
  /** Rooms whose files this room may import. */
  rooms: readonly string[];
  /** True when the room also runs in a browser or must stay pure: no `node:` modules. */
  isPure?: boolean;
  /** Files of a pure room that no browser loads. */
  nodeFiles?: readonly string[];
  /** What to do instead; shown with every violation. */
  reason: string;
};

const everything = "any";

export const rooms: Readonly<Record<string, RoomRule | typeof everything>> = {
  "packages/kit": { rooms: [], reason: "kit stands below everything and knows no other room" },
  "packages/model": {
    rooms: ["kit"],
    isPure: true,
    reason: "model holds pure rules that the console runs too: no I/O, no clock, no randomness",
  },
  "packages/linux": { rooms: ["kit"], reason: "linux wraps the kernel and knows no nouns" },
  "packages/qmp": { rooms: ["kit"], reason: "qmp is one conversation with one QEMU and knows no nouns" },
  "packages/store": { rooms: ["model", "kit"], reason: "the store keeps records and acts on nothing" },
  "packages/storage": {
    rooms: ["linux", "model", "kit"],
    reason: "storage knows disks, not VMs; a port for its caller belongs to the caller",
  },
  "packages/network": {
    rooms: ["linux", "model", "kit"],
    reason: "network knows segments, not VMs; a port for its caller belongs to the caller",
  },
  "packages/backup": {
    rooms: ["qmp", "model", "kit"],
    reason: "backup reads and writes streams; the hypervisor connects it to a VM",
  },
  "packages/hypervisor": {
    rooms: ["qmp", "linux", "storage", "network", "backup", "model", "kit"],
    reason: "the hypervisor runs one VM on one host and knows no store, API or controller",
  },
  "packages/host-agent": {
    rooms: ["hypervisor", "linux", "storage", "network", "backup", "model", "kit"],
    reason: "the host agent acts on this host; it reads intent through a port, never the store itself",
  },
  "packages/control": {
    rooms: ["store", "model", "kit"],
    reason: "control reaches hosts only through the HostLink port that it declares",
  },
  "packages/api-contract": {
    rooms: ["model", "kit"],
    isPure: true,
    nodeFiles: ["packages/api-contract/src/node-transport.ts"],
    reason: "the contract is data that console, CLI and server share",
  },
  "packages/api-server": {
    rooms: ["api-contract", "control", "model", "kit"],
    reason: "the server translates and delegates; it has no host, store or QEMU of its own",
  },
  "apps/daemon": everything,
  "apps/cli": {
    rooms: ["api-contract", "model", "kit"],
    reason: "the CLI is a client without privileges: it uses the API and nothing else",
  },
  "apps/console": {
    rooms: ["api-contract", "model", "kit"],
    isPure: true,
    reason: "the console is a client without privileges: it uses the API and nothing else",
  },
  guest: { rooms: [], reason: "the guest builder stands alone, so that images never depend on the product" },
  bench: everything,
  tests: everything,
  scripts: {
    rooms: [],
    reason: "scripts must run before anything is built; put product code into a room",
  },
};

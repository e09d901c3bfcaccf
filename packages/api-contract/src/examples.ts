import type { Operation } from "@serai/model/operation";
import type { SeraiEvent } from "@serai/model/event";
import { GiB, MiB } from "@serai/model/vm-spec";
import type {
  HostUsageView,
  HostView,
  ImageView,
  NetworkView,
  SecurityGroupView,
  SnapshotView,
  VmView,
} from "./schemas.ts";

const at = "2026-01-15T09:30:00.000Z";

export const vmExample: VmView = {
  id: "vm-3k9d0xq2m7ap",
  name: "web-1",
  project: "default",
  description: "The first web server",
  labels: { tier: "web" },
  cpus: 2,
  memoryBytes: 2 * GiB,
  firmware: "uefi",
  machineType: "pc-q35-7.2",
  disks: [
    { name: "root", bus: "virtio-blk", image: "img-5m2c8r4t6w1z", sizeBytes: 10 * GiB, isReadOnly: false },
  ],
  nics: [
    {
      name: "net0",
      model: "virtio",
      mac: "52:54:00:1a:2b:3c",
      network: "user",
      forwards: [{ protocol: "tcp", hostPort: 2222, guestPort: 22 }],
    },
  ],
  display: "vga",
  hasAgent: true,
  hasRng: true,
  hasBalloon: true,
  hasWatchdog: false,
  policy: { onShutdown: "stop", onPanic: "restart", onHang: "restart", onCrash: "restart" },
  power: "running",
  state: "running",
  agent: "answering",
  addresses: ["10.0.2.15"],
  hasDisplay: true,
  accelerator: "kvm",
  pid: 4711,
  startedAt: at,
  restarts: 0,
  isDeleting: false,
  host: "host-8f3a1b9c2d4e",
  generation: 3,
  createdAt: at,
  updatedAt: at,
};

export const imageExample: ImageView = {
  id: "img-5m2c8r4t6w1z",
  name: "debian-12",
  kind: "disk",
  source: { kind: "catalogue", name: "debian-12" },
  phase: "ready",
  format: "qcow2",
  virtualSizeBytes: 3 * GiB,
  sizeBytes: 420 * MiB,
  sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  guest: {
    family: "linux",
    title: "Debian 12",
    firmware: ["bios", "uefi"],
    hasAgent: true,
    minMemoryBytes: 256 * MiB,
  },
  generation: 2,
  createdAt: at,
  updatedAt: at,
};

export const snapshotExample: SnapshotView = {
  id: "snap-4t7v1x9z2b5d",
  vm: vmExample.id,
  name: "before-upgrade",
  description: "Debian 12.4, all services up",
  hasMemory: true,
  phase: "ready",
  takenAt: at,
  pauseMs: 85.2,
  isQuiesced: true,
  memoryBytes: 310 * MiB,
  disks: ["root"],
  generation: 2,
  createdAt: at,
  updatedAt: at,
};

export const networkExample: NetworkView = {
  id: "net-6n3p8r1t5v0x",
  name: "lab",
  project: "default",
  description: "Test machines",
  kind: "nat",
  ipv4: {
    subnet: "10.10.0.0/24",
    gateway: "10.10.0.1",
    rangeFirst: "10.10.0.128",
    rangeLast: "10.10.0.254",
  },
  mtu: 1500,
  domain: "lab.internal",
  leases: [],
  forwards: [{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 8080, address: "10.10.0.20", port: 80 }],
  state: "ready",
  vms: [vmExample.name],
  generation: 1,
  createdAt: at,
  updatedAt: at,
};

export const securityGroupExample: SecurityGroupView = {
  id: "sg-2c9f4h7k1m6q",
  name: "web",
  project: "default",
  description: "HTTP and HTTPS from anywhere",
  rules: [
    { direction: "in", protocol: "tcp", ports: { first: 80 }, peer: "any", action: "allow" },
    { direction: "in", protocol: "tcp", ports: { first: 443 }, peer: "any", action: "allow" },
  ],
  generation: 1,
  createdAt: at,
  updatedAt: at,
};

export const operationExample: Operation = {
  id: "op-7h2k9m4p1q8s",
  verb: "vm.start",
  target: { kind: "vm", id: vmExample.id, name: vmExample.name },
  generation: 3,
  phase: "running",
  note: "the guest is booting",
  actor: "local",
  createdAt: at,
};

export const eventExample: SeraiEvent = {
  id: "ev-00000000002a",
  at,
  type: "vm.started",
  severity: "info",
  target: operationExample.target,
  actor: "local",
  message: "web-1 started with 2 CPUs and 2048 MiB on this host.",
};

export const hostExample: HostView = {
  id: vmExample.host,
  name: "node-a",
  seraiVersion: "0.1.0",
  kernel: "6.1.0-18-amd64",
  cpus: 8,
  memoryBytes: 32 * GiB,
  memoryAvailableBytes: 24 * GiB,
  accelerator: { kind: "kvm", reason: "a probe guest ran to completion under KVM" },
  qemu: {
    path: "/usr/bin/qemu-system-x86_64",
    version: "7.2.9",
    machineTypes: ["pc-q35-7.2"],
    defaultMachineType: "pc-q35-7.2",
  },
  firmware: ["bios", "uefi"],
  pools: [
    {
      name: "default",
      path: "/var/lib/serai/host/volumes",
      capacityBytes: 500 * GiB,
      availableBytes: 320 * GiB,
    },
  ],
  isPrivileged: true,
  features: [{ name: "kvm", isAvailable: true, note: "usable" }],
  startedAt: at,
};

export const usageExample: HostUsageView = {
  at,
  cpuSeconds: { busy: 5120.4, total: 86_400 },
  memoryBytes: 32 * GiB,
  memoryAvailableBytes: 24 * GiB,
  vms: [
    {
      vm: vmExample.id,
      cpuSeconds: 42.5,
      residentBytes: 512 * MiB,
      guestMemoryBytes: 2 * GiB,
      diskReadBytes: 120 * MiB,
      diskWrittenBytes: 30 * MiB,
      netReceivedBytes: 4 * MiB,
      netSentBytes: MiB,
      uptimeSeconds: 3600,
    },
  ],
};

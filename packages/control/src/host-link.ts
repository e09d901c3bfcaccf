import type { Duplex, Readable } from "node:stream";
import type { HostReport, HostUsage } from "@serai/model/host";
import type {
  ExecRequest,
  ExecResult,
  ExportWish,
  HostVerb,
  ImageFacts,
  SweepReport,
  VmStream,
} from "@serai/model/host-request";
import type { ImageGuest, ImageKind } from "@serai/model/image";
import type { DiskExportFormat } from "@serai/model/image-format";
import type { SnapshotReport, SnapshotVerb } from "@serai/model/snapshot";
import type { VmSighting } from "@serai/model/vm";

/** Bytes on their way out; to be read to the end, or destroyed. */
export type ExportStream = { content: Readable; sizeBytes: number };

/**
 * One host, as its controllers see it. No request carries a path, a command line or a spec: the host reads
 * intent from the store itself and refuses a generation that is not the store's (`vm.stale_generation`).
 * All throw `host.unreachable` when the host does not answer.
 */
export type HostLink = {
  describe(signal: AbortSignal): Promise<HostReport>;
  look(vm: string, signal: AbortSignal): Promise<VmSighting>;
  /** Takes one step and reports what is there afterwards. Safe to repeat. */
  act(verb: HostVerb, vm: string, generation: number, signal: AbortSignal): Promise<VmSighting>;
  /** Yields the sighting of every VM the host knows, then each change. Ends when the host does. */
  sightings(signal: AbortSignal): AsyncIterable<VmSighting>;
  usage(signal: AbortSignal): Promise<HostUsage>;
  exec(vm: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
  /** The screen as PNG. */
  screenshot(vm: string, signal: AbortSignal): Promise<Uint8Array>;
  /** `serial`: shared by any number of readers, begins with recent history. `display`: RFB, one per call. */
  openStream(vm: string, stream: VmStream, signal: AbortSignal): Promise<Duplex>;
  /**
   * Verifies the content that was spooled for this image (or built on this host) and takes it over.
   * Throws `image.hostile`, `image.unreadable`, `image.checksum_mismatch`, `pool.full`.
   */
  takeImage(
    image: string,
    generation: number,
    signal: AbortSignal,
  ): Promise<ImageFacts & { kind: ImageKind; guest?: ImageGuest }>;
  removeImage(image: string, generation: number, signal: AbortSignal): Promise<void>;
  /** The image as one disk file. Throws `image.not_ready`, `pool.full`. */
  exportImage(image: string, format: DiskExportFormat, signal: AbortSignal): Promise<ExportStream>;
  /** A stopped VM. Throws `vm.wrong_state`, `vm.spec_invalid`, `volume.not_found`, `pool.full`. */
  exportVm(vm: string, wish: ExportWish, signal: AbortSignal): Promise<ExportStream>;
  /**
   * Takes, reverts to or deletes a snapshot, as its stored record says; safe to repeat. Throws
   * `vm.stale_generation`, `vm.wrong_state`, `snapshot.not_found`, `pool.full`.
   */
  actOnSnapshot(
    verb: SnapshotVerb,
    snapshot: string,
    generation: number,
    signal: AbortSignal,
  ): Promise<SnapshotReport>;
  /**
   * Makes the network of this record, or brings it in line; cheap when nothing changed. Throws
   * `vm.stale_generation`, `network.unsupported`, `network.spec_invalid`, `network.setup_failed`.
   */
  ensureNetwork(network: string, generation: number, signal: AbortSignal): Promise<void>;
  /** Removes all of a network whose record says so. Throws `network.in_use`. */
  removeNetwork(network: string, generation: number, signal: AbortSignal): Promise<void>;
  /** Brings security groups, addresses and names in line with the VMs' records; nothing without the network. */
  applyNetworkRules(network: string, signal: AbortSignal): Promise<void>;
  /** Removes what belongs to no VM and no image of the store: processes, files, sockets. */
  sweep(signal: AbortSignal): Promise<SweepReport>;
};

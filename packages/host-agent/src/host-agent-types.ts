import type { Duplex } from "node:stream";
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
import type { Export } from "@serai/storage/exports";

/** What a host offers its controllers. The same promises as control's `HostLink`; wired to it by the daemon. */
export type HostAgent = {
  describe(signal: AbortSignal): Promise<HostReport>;
  look(vm: string, signal: AbortSignal): Promise<VmSighting>;
  act(verb: HostVerb, vm: string, generation: number, signal: AbortSignal): Promise<VmSighting>;
  sightings(signal: AbortSignal): AsyncIterable<VmSighting>;
  usage(signal: AbortSignal): Promise<HostUsage>;
  exec(vm: string, request: ExecRequest, signal: AbortSignal): Promise<ExecResult>;
  screenshot(vm: string, signal: AbortSignal): Promise<Uint8Array>;
  openStream(vm: string, stream: VmStream, signal: AbortSignal): Promise<Duplex>;
  takeImage(
    image: string,
    generation: number,
    signal: AbortSignal,
  ): Promise<ImageFacts & { kind: ImageKind; guest?: ImageGuest }>;
  removeImage(image: string, generation: number, signal: AbortSignal): Promise<void>;
  exportImage(image: string, format: DiskExportFormat, signal: AbortSignal): Promise<Export>;
  exportVm(vm: string, wish: ExportWish, signal: AbortSignal): Promise<Export>;
  actOnSnapshot(
    verb: SnapshotVerb,
    snapshot: string,
    generation: number,
    signal: AbortSignal,
  ): Promise<SnapshotReport>;
  ensureNetwork(network: string, generation: number, signal: AbortSignal): Promise<void>;
  removeNetwork(network: string, generation: number, signal: AbortSignal): Promise<void>;
  applyNetworkRules(network: string, signal: AbortSignal): Promise<void>;
  sweep(signal: AbortSignal): Promise<SweepReport>;
  /** Lets go of every guest without touching it. */
  close(): Promise<void>;
};

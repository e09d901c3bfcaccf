import type { Duplex } from "node:stream";
import type { HostReport, HostUsage } from "@serai/model/host";
import type { ExecRequest, ExecResult, ExportWish, VmStream } from "@serai/model/host-request";
import type { DiskExportFormat, ImportFormat } from "@serai/model/image-format";
import type { NetworkChange, NetworkSpec } from "@serai/model/network";
import type { Operation } from "@serai/model/operation";
import type { SecurityGroupChange, SecurityGroupSpec } from "@serai/model/security-group";
import type { CloneKind } from "@serai/model/vm";
import type { VmChange, VmSpec } from "@serai/model/vm-spec";
import type { ExportStream } from "../host-link.ts";
import type { Actor, Role } from "./actor.ts";
import type { Context, JsonObject, JsonPage, PageRequest } from "./request.ts";

export type PowerRequest =
  | { verb: "start" | "pause" | "resume" | "reset" | "suspend" }
  | { verb: "stop"; isForced?: boolean; deadlineSeconds?: number };

/** A reference is an id, a name, or the first characters of an id. Reads are synchronous: they come from memory. */
export type VmService = {
  list(page: PageRequest, actor: Actor): JsonPage;
  get(reference: string, actor: Actor): JsonObject;
  create(
    spec: VmSpec,
    options: { start?: boolean },
    context: Context,
    signal: AbortSignal,
  ): Promise<Operation>;
  change(reference: string, change: VmChange, context: Context, signal: AbortSignal): Promise<Operation>;
  /** Makes another VM with the disks of a stopped one, or of a snapshot, and an identity of its own. */
  clone(reference: string, wish: CloneWish, context: Context, signal: AbortSignal): Promise<Operation>;
  delete(
    reference: string,
    options: { force?: boolean },
    context: Context,
    signal: AbortSignal,
  ): Promise<Operation>;
  requestPower(
    reference: string,
    request: PowerRequest,
    context: Context,
    signal: AbortSignal,
  ): Promise<Operation>;
};

export type CloneWish = { name: string; kind?: CloneKind; snapshot?: string; start?: boolean };

export type ImageRequest = {
  name: string;
  source:
    | { kind: "upload"; format: ImportFormat; sizeBytes: number; sha256?: string }
    | { kind: "catalogue"; name: string }
    | { kind: "url"; url: string; format: ImportFormat; sha256?: string }
    | { kind: "builtin"; name: string };
};

export type CatalogueItem = { name: string; title: string; url: string };

export type ImageService = {
  list(page: PageRequest, actor: Actor): JsonPage;
  get(reference: string, actor: Actor): JsonObject;
  declare(request: ImageRequest, context: Context, signal: AbortSignal): Promise<Operation>;
  /** Appends content from `offset` on. `request.precondition_failed` names `receivedBytes` when they differ. */
  receive(
    reference: string,
    content: { offset: number; chunks: AsyncIterable<Uint8Array> },
    actor: Actor,
    signal: AbortSignal,
  ): Promise<JsonObject>;
  delete(reference: string, context: Context, signal: AbortSignal): Promise<Operation>;
  catalogue(actor: Actor): CatalogueItem[];
};

export type NetworkService = {
  list(page: PageRequest, actor: Actor): JsonPage;
  get(reference: string, actor: Actor): JsonObject;
  create(spec: NetworkSpec, context: Context, signal: AbortSignal): Promise<Operation>;
  change(reference: string, change: NetworkChange, context: Context, signal: AbortSignal): Promise<Operation>;
  /** Refused while a VM has a NIC on it. */
  delete(reference: string, context: Context, signal: AbortSignal): Promise<Operation>;
};

export type SecurityGroupService = {
  list(page: PageRequest, actor: Actor): JsonPage;
  get(reference: string, actor: Actor): JsonObject;
  create(spec: SecurityGroupSpec, context: Context, signal: AbortSignal): Promise<Operation>;
  change(
    reference: string,
    change: SecurityGroupChange,
    context: Context,
    signal: AbortSignal,
  ): Promise<Operation>;
  /** Refused while a NIC or another group's rule names it. */
  delete(reference: string, context: Context, signal: AbortSignal): Promise<Operation>;
};

export type SnapshotWish = { name: string; description?: string; hasMemory?: boolean };

/** A VM's snapshots; each by its id or its name. */
export type SnapshotService = {
  list(vm: string, actor: Actor): JsonPage;
  get(vm: string, snapshot: string, actor: Actor): JsonObject;
  create(vm: string, wish: SnapshotWish, context: Context, signal: AbortSignal): Promise<Operation>;
  revert(vm: string, snapshot: string, context: Context, signal: AbortSignal): Promise<Operation>;
  delete(vm: string, snapshot: string, context: Context, signal: AbortSignal): Promise<Operation>;
};

export type OperationFilter = PageRequest & { target?: string; isEnded?: boolean };

export type OperationService = {
  list(filter: OperationFilter, actor: Actor): JsonPage;
  /** Answers once the operation has ended or `waitMs` have passed. */
  get(
    reference: string,
    options: { waitMs?: number },
    actor: Actor,
    signal: AbortSignal,
  ): Promise<JsonObject>;
  cancel(reference: string, actor: Actor, signal: AbortSignal): Promise<JsonObject>;
};

export type EventService = {
  /** Newest first. */
  list(filter: PageRequest & { target?: string }, actor: Actor, signal: AbortSignal): Promise<JsonPage>;
};

export type ChangeKind = "vm" | "image" | "snapshot" | "operation" | "event";

/** `json` is the whole frame: `{revision, kind, type: "put"|"delete", id, object?}` or `{revision, kind: "bookmark"}`. */
export type ChangeFrame = { revision: number; json: string };

export type ChangeService = {
  /**
   * Yields what changes after `from` (default: now), beginning with a bookmark. Throws `store.compacted` when
   * `from` is too old, and ends by throwing the signal's reason.
   */
  follow(
    options: { from?: number; kinds?: readonly ChangeKind[] },
    actor: Actor,
    signal: AbortSignal,
  ): AsyncIterable<ChangeFrame>;
};

export type TokenView = {
  id: string;
  name: string;
  role: Role;
  createdAt: string;
  expiresAt?: string;
  lastUsedAt?: string;
};

export type AccessService = {
  /** Makes a one-time code that logs in with the caller's role, good for ten minutes. */
  createLoginLink(actor: Actor, signal: AbortSignal): Promise<{ code: string; expiresAt: string }>;
  /** Uses up the code. Throws `auth.bad_credentials`. */
  login(code: string, signal: AbortSignal): Promise<{ session: string; expiresAt: string; actor: Actor }>;
  /** Ends a session; silent when there is none. */
  logout(session: string, signal: AbortSignal): Promise<void>;
  /** Who has this session secret; undefined when nobody (or no longer). */
  actorOfSession(session: string): Actor | undefined;
  actorOfToken(secret: string): Actor | undefined;
  listTokens(actor: Actor): TokenView[];
  createToken(
    request: { name: string; role: Role; expiresInDays?: number },
    actor: Actor,
    signal: AbortSignal,
  ): Promise<{ token: TokenView; secret: string }>;
  /** By id or name. */
  deleteToken(reference: string, actor: Actor, signal: AbortSignal): Promise<void>;
};

export type ExportedFile = ExportStream & { fileName: string };

export type HostService = {
  report(actor: Actor, signal: AbortSignal): Promise<HostReport>;
  usage(actor: Actor, signal: AbortSignal): Promise<HostUsage>;
  exec(reference: string, request: ExecRequest, actor: Actor, signal: AbortSignal): Promise<ExecResult>;
  /** PNG. */
  screenshot(reference: string, actor: Actor, signal: AbortSignal): Promise<Uint8Array>;
  /** Both answer once the file is made; it goes when the stream is closed. */
  exportImage(
    reference: string,
    format: DiskExportFormat,
    actor: Actor,
    signal: AbortSignal,
  ): Promise<ExportedFile>;
  exportVm(reference: string, wish: ExportWish, actor: Actor, signal: AbortSignal): Promise<ExportedFile>;
  openStream(reference: string, stream: VmStream, actor: Actor, signal: AbortSignal): Promise<Duplex>;
};

/** All that the API server needs of control. */
export type Services = {
  vms: VmService;
  images: ImageService;
  snapshots: SnapshotService;
  networks: NetworkService;
  securityGroups: SecurityGroupService;
  operations: OperationService;
  events: EventService;
  changes: ChangeService;
  access: AccessService;
  host: HostService;
};

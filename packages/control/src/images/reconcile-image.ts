import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault, faultToJson, type FaultJson } from "@serai/kit/fault";
import type { ImageRecord } from "@serai/model/image";
import type { ControlParts } from "../parts.ts";
import { finalFault } from "../power/is-final-fault.ts";
import { lookAgain, settled, type Reconcile, type Revisit } from "../queue/work-queue.ts";
import type { ImageEntry } from "../view/image-shelf.ts";
import { download, sizeOf } from "./download.ts";
import { usersOf } from "./image-records.ts";
import { checkDigest, expectedDigest } from "./prove-content.ts";
import { writeImage } from "./write-image.ts";

const maxImageBytes = 256 * 1024 ** 3;
const uploadPatienceMs = 24 * 3_600_000;
const takeDeadlineMs = 60 * 60_000;
/** A server that fails this often in a row is not coming back soon. */
const maxDownloadFailures = 6;

/**
 * Brings one image in, or takes it away, one phase per call:
 *
 *   pending ─► receiving ─► checking ─► ready ─► removing ─► (gone)
 *                  └────────────┴─────► failed ─────┘
 */
export function reconcileImage(parts: ControlParts): Reconcile {
  const failures = new Map<string, number>();
  return async (id, signal) => {
    const entry = parts.view.images.get(id);
    if (entry === undefined) return settled;
    switch (entry.record.phase) {
      case "pending":
      case "receiving":
        return entry.record.source.kind === "upload"
          ? awaitUpload(parts, entry, signal)
          : withFailures({ parts, entry, failures }, signal);
      case "checking":
        return take(parts, entry, signal);
      case "removing":
        return remove(parts, entry, signal);
      case "ready":
      case "failed":
        await dropSpool(parts, id);
        return settled;
    }
  };
}

async function dropSpool(parts: ControlParts, id: string): Promise<void> {
  for (const suffix of ["", ".etag"]) await rm(join(parts.spoolDir, `${id}${suffix}`), { force: true });
}

/** Clients send uploads to the service; here they are only given up when nobody comes any more. */
async function awaitUpload(parts: ControlParts, entry: ImageEntry, signal: AbortSignal): Promise<Revisit> {
  const { id, updatedAt, sizeBytes } = entry.record;
  const receivedBytes = await sizeOf(join(parts.spoolDir, id));
  if (sizeBytes !== undefined && receivedBytes === sizeBytes && entry.record.phase === "receiving") {
    // All came, and the daemon ended before it said so.
    await writeImage(parts, entry, { record: { ...entry.record, phase: "checking" } }, signal);
    return lookAgain;
  }
  parts.view.images.noteProgress(id, {
    receivedBytes,
    ...(sizeBytes && { progress: receivedBytes / sizeBytes }),
  });
  if (parts.clock.nowMs() - Date.parse(updatedAt) < uploadPatienceMs) return settled;
  const fault = new Fault(
    "request.timeout",
    "Its content did not come within a day: delete the image and try again.",
  );
  await fail(parts, entry, faultToJson(fault), signal);
  return settled;
}

type Counted = { parts: ControlParts; entry: ImageEntry; failures: Map<string, number> };

async function withFailures({ parts, entry, failures }: Counted, signal: AbortSignal): Promise<Revisit> {
  const { id } = entry.record;
  try {
    const next = await bringIn(parts, entry, signal);
    failures.delete(id);
    return next;
  } catch (error) {
    if (signal.aborted) throw error;
    if (parts.view.images.get(id)?.record.phase === "removing") return lookAgain;
    const count = (failures.get(id) ?? 0) + 1;
    failures.set(id, count);
    const last = error instanceof Fault ? faultToJson(error) : undefined;
    const fault = finalFault(error) ?? (count >= maxDownloadFailures || isRefusal(last) ? last : undefined);
    if (fault === undefined) throw error;
    failures.delete(id);
    await fail(parts, parts.view.images.get(id) ?? entry, fault, signal);
    return settled;
  }
}

/** "Not found" and "forbidden" do not get better by asking again. */
function isRefusal(fault: FaultJson | undefined): boolean {
  const status = Number(fault?.details?.["status"] ?? 0);
  return status >= 400 && status < 500 && status !== 408 && status !== 429;
}

async function bringIn(parts: ControlParts, entry: ImageEntry, signal: AbortSignal): Promise<Revisit> {
  const { record } = entry;
  if (record.phase === "pending") {
    await writeImage(parts, entry, { record: { ...record, phase: "receiving" } }, signal);
    return lookAgain;
  }
  const path = join(parts.spoolDir, record.id);
  using wanted = untilUnwanted(parts, record.id, signal);
  const origin = originOf(parts, record);
  const proof = origin.entry && {
    algorithm: origin.entry.proof.algorithm,
    digest: await expectedDigest(origin.entry, wanted.signal),
  };
  await download(
    {
      url: origin.url,
      path,
      maxBytes: maxImageBytes,
      onProgress: (receivedBytes, total) =>
        parts.view.images.noteProgress(record.id, {
          receivedBytes,
          ...(total && { progress: receivedBytes / total }),
        }),
    },
    wanted.signal,
  );
  const declared =
    record.sha256 === undefined ? undefined : ({ algorithm: "sha256", digest: record.sha256 } as const);
  for (const expected of [proof, declared]) {
    if (expected === undefined) continue;
    // What is wrong once stays wrong: the next try must begin anew.
    await checkDigest(path, expected, wanted.signal).catch(async (error: unknown) => {
      await dropSpool(parts, record.id);
      throw error;
    });
  }
  const now = parts.view.images.get(record.id);
  if (now?.record.phase === "receiving") {
    await writeImage(parts, now, { record: { ...now.record, phase: "checking" } }, signal);
  }
  return lookAgain;
}

function originOf(parts: ControlParts, record: ImageRecord) {
  if (record.source.kind === "url") return { url: record.source.url, entry: undefined };
  const name = record.source.kind === "catalogue" ? record.source.name : record.name;
  const entry = parts.catalogue.find((candidate) => candidate.name === name);
  if (entry !== undefined) return { url: entry.url, entry };
  throw new Fault("image.unknown_catalogue_name", `The catalogue has no ${name} any more: delete the image.`);
}

/** A signal that also fires when somebody takes the wish for the image back. */
function untilUnwanted(
  parts: ControlParts,
  id: string,
  signal: AbortSignal,
): Disposable & { signal: AbortSignal } {
  const unwanted = new AbortController();
  const stop = parts.view.listen((changes) => {
    if (!changes.some((change) => change.kind === "image" && change.id === id)) return;
    if (parts.view.images.get(id)?.record.phase !== "receiving")
      unwanted.abort(new Error("the image is not wanted any more"));
  });
  return { signal: AbortSignal.any([signal, unwanted.signal]), [Symbol.dispose]: stop };
}

async function take(parts: ControlParts, entry: ImageEntry, signal: AbortSignal): Promise<Revisit> {
  const { record } = entry;
  try {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(takeDeadlineMs)]);
    const found = await parts.host.takeImage(record.id, record.generation, deadline);
    const { kind, format, virtualSizeBytes, sizeBytes, sha256, guest, appliance } = found;
    const facts = { kind, format, virtualSizeBytes, sizeBytes, sha256, ...(appliance && { appliance }) };
    const { progress: _progress, fault: _fault, ...rest } = record;
    const ready: ImageRecord = {
      ...rest,
      ...facts,
      ...(guest && { guest: { ...record.guest, ...guest } }),
      phase: "ready",
    };
    const event = {
      type: "image.ready",
      severity: "info",
      message: `Image ${record.name} is ready.`,
    } as const;
    await writeImage(parts, entry, { record: ready, event, end: () => ({ phase: "succeeded" }) }, signal);
    return lookAgain; // to clean up, or to see what somebody changed meanwhile
  } catch (error) {
    const fault = finalFault(error);
    if (fault === undefined) throw error;
    parts.log.warn({ image: record.id, err: error }, "an image was refused");
    const isUnforeseen = !(error instanceof Fault);
    await fail(parts, entry, isUnforeseen ? { ...fault, code: "image.unreadable" } : fault, signal);
    return lookAgain;
  }
}

async function fail(
  parts: ControlParts,
  entry: ImageEntry,
  fault: FaultJson,
  signal: AbortSignal,
): Promise<void> {
  const { name } = entry.record;
  const event = {
    type: "image.failed",
    severity: "error",
    message: `Image ${name} is not usable: ${fault.message}`,
  } as const;
  const record: ImageRecord = { ...entry.record, phase: "failed", fault };
  await writeImage(parts, entry, { record, event, end: () => ({ phase: "failed", fault }) }, signal);
  if (parts.view.images.get(entry.record.id)?.record.phase === "failed")
    await dropSpool(parts, entry.record.id);
}

async function remove(parts: ControlParts, entry: ImageEntry, signal: AbortSignal): Promise<Revisit> {
  const { record } = entry;
  // A VM may have been made from it while its removal was on the way to the store; from here on none can be.
  const users = usersOf(parts.view, record.id);
  if (users.length > 0) {
    const fault: FaultJson = {
      code: "image.in_use",
      message: `${record.name} is used by ${users.slice(0, 5).join(", ")}: delete those VMs first.`,
    };
    const back: ImageRecord = { ...record, phase: "ready", generation: record.generation + 1 };
    await writeImage(parts, entry, { record: back, end: () => ({ phase: "failed", fault }) }, signal);
    return settled;
  }
  await parts.host.removeImage(record.id, record.generation, signal);
  await dropSpool(parts, record.id);
  const event = {
    type: "image.deleted",
    severity: "info",
    message: `Image ${record.name} was deleted.`,
  } as const;
  const end: Parameters<typeof writeImage>[2]["end"] = (operation) =>
    operation.verb === "image.delete"
      ? { phase: "succeeded" }
      : { phase: "cancelled", note: "The image was deleted." };
  await writeImage(parts, entry, { event, end }, signal);
  return settled;
}

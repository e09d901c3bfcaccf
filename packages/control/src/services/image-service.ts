import { join } from "node:path";
import { timestamp } from "@serai/kit/clock";
import { Fault } from "@serai/kit/fault";
import { newId } from "@serai/kit/id";
import { imageKey, imageNameKey, type ImageRecord } from "@serai/model/image";
import type { Operation } from "@serai/model/operation";
import type { Plan } from "../commit.ts";
import { imageTarget, putImage, usersOf } from "../images/image-records.ts";
import { spoolUpload } from "../images/spool-upload.ts";
import { absent, newOperation, putOperation, unchanged, type ControlParts } from "../parts.ts";
import type { ImageEntry } from "../view/image-shelf.ts";
import { authorize } from "./actor.ts";
import { commitOnce } from "./commit-once.ts";
import { findImage } from "./find-image.ts";
import { pageByName } from "./list-page.ts";
import { defaultProject } from "./plan-creation.ts";
import type { Context } from "./request.ts";
import type { ImageRequest, ImageService } from "./services.ts";

/** Images: declared here, filled here when they are uploaded; the image controller does the rest. */
export function createImageService(parts: ControlParts): ImageService {
  const { view } = parts;
  const uploading = new Set<string>();
  const asJson = ({ record }: ImageEntry) => ({
    id: record.id,
    generation: record.generation,
    json: view.images.json(record.id) ?? "null",
  });
  return {
    list: (page, actor) => {
      authorize(actor, "viewer");
      const jsonOf = (name: string) => view.images.json(view.images.idOf(name) ?? "") ?? "null";
      return { ...pageByName(view.images.names(), page, jsonOf), revision: view.revision };
    },
    get: (reference, actor) => {
      authorize(actor, "viewer");
      return asJson(findImage(view, reference));
    },
    declare: async (request, context, signal) => {
      authorize(context.actor, "operator");
      const plan = () => planDeclaration(parts, request, context);
      const operation = await commitOnce(parts, { context, request: ["declare", request] }, plan, signal);
      parts.nudge("image", operation.target.id);
      return operation;
    },
    receive: async (reference, content, actor, signal) => {
      authorize(actor, "operator");
      const { id, name } = findImage(view, reference).record;
      if (uploading.has(id))
        throw new Fault("image.not_ready", `Somebody is sending the content of ${name} already.`);
      uploading.add(id);
      try {
        await receive(parts, id, content, signal);
        return asJson(findImage(view, id));
      } finally {
        uploading.delete(id);
      }
    },
    delete: async (reference, context, signal) => {
      authorize(context.actor, "operator");
      const { id } = findImage(view, reference).record;
      const plan = () => planRemoval(parts, findImage(view, id), context);
      const operation = await commitOnce(parts, { context, request: ["delete", id] }, plan, signal);
      parts.nudge("image", id);
      return operation;
    },
    catalogue: (actor) => {
      authorize(actor, "viewer");
      return parts.catalogue.map(({ name, title, url }) => ({ name, title, url }));
    },
  };
}

const verbs = {
  upload: "image.import",
  catalogue: "image.pull",
  url: "image.pull",
  builtin: "image.take",
} as const;

function planDeclaration(parts: ControlParts, request: ImageRequest, { actor }: Context): Plan<Operation> {
  if (parts.view.images.idOf(request.name) !== undefined) {
    throw new Fault("name.taken", `There is already an image called ${request.name}: choose another name.`);
  }
  const createdAt = timestamp(parts.clock);
  const record: ImageRecord = {
    id: newId("img"),
    name: request.name,
    project: defaultProject,
    phase: request.source.kind === "builtin" ? "checking" : "pending",
    ...declared(parts, request.source),
    generation: 1,
    createdAt,
    updatedAt: createdAt,
  };
  const target = imageTarget(record);
  const verb = verbs[request.source.kind];
  const operation = newOperation(parts, { verb, target, generation: 1, actor: actor.name });
  const nameKey = imageNameKey(record.project, record.name);
  return {
    result: operation,
    txn: {
      when: [absent(nameKey)],
      then: [{ put: nameKey, value: record.id }, putImage(record), putOperation(operation)],
    },
  };
}

function declared(
  parts: ControlParts,
  source: ImageRequest["source"],
): Pick<ImageRecord, "kind" | "source"> & Partial<ImageRecord> {
  const kindOf = (format: string) => (format === "iso" ? "iso" : "disk");
  switch (source.kind) {
    case "upload": {
      const { format, sizeBytes, sha256 } = source;
      return {
        kind: kindOf(format),
        source: { kind: "upload" },
        format,
        sizeBytes,
        ...(sha256 && { sha256 }),
      };
    }
    case "url": {
      const { format, sha256, url } = source;
      return {
        kind: kindOf(format),
        source: { kind: "url", url, ...(sha256 && { sha256 }) },
        format,
        ...(sha256 && { sha256 }),
      };
    }
    case "catalogue": {
      const entry = parts.catalogue.find((candidate) => candidate.name === source.name);
      if (entry === undefined) {
        const names = parts.catalogue.map((candidate) => candidate.name);
        throw new Fault(
          "image.unknown_catalogue_name",
          `The catalogue has no ${source.name}; it has ${names.join(", ") || "nothing"}.`,
          { details: { names } },
        );
      }
      return {
        kind: kindOf(entry.format),
        source: { kind: "catalogue", name: entry.name },
        format: entry.format,
        guest: entry.guest,
      };
    }
    case "builtin":
      return { kind: "disk", source: { kind: "builtin", name: source.name } };
  }
}

type Content = Parameters<ImageService["receive"]>[1];

async function receive(
  parts: ControlParts,
  id: string,
  content: Content,
  signal: AbortSignal,
): Promise<void> {
  const { record } = findImage(parts.view, id);
  const isWaiting = record.phase === "pending" || record.phase === "receiving";
  const sizeBytes = record.sizeBytes;
  if (record.source.kind !== "upload" || !isWaiting || sizeBytes === undefined) {
    throw new Fault("image.not_ready", `Image ${record.name} takes no content: it is ${record.phase}.`);
  }
  if (record.phase === "pending") await moveTo(parts, id, "receiving", signal);
  const received = await spoolUpload({
    path: join(parts.spoolDir, id),
    offset: content.offset,
    sizeBytes,
    chunks: untilAborted(content.chunks, signal),
    onProgress: (at) => parts.view.images.noteProgress(id, { receivedBytes: at, progress: at / sizeBytes }),
  });
  parts.view.images.noteProgress(id, { receivedBytes: received, progress: received / sizeBytes });
  if (received < sizeBytes) return;
  await moveTo(parts, id, "checking", signal);
  parts.nudge("image", id);
}

async function* untilAborted(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    yield chunk;
  }
}

async function moveTo(
  parts: ControlParts,
  id: string,
  phase: ImageRecord["phase"],
  signal: AbortSignal,
): Promise<void> {
  await parts.commit(() => {
    const { record, revision } = findImage(parts.view, id);
    if (record.phase === "removing")
      throw new Fault("image.not_ready", `Image ${record.name} is being removed.`);
    const next = { ...record, phase, updatedAt: timestamp(parts.clock) };
    return { txn: { when: [unchanged(imageKey(id), revision)], then: [putImage(next)] }, result: undefined };
  }, signal);
}

function planRemoval(
  parts: ControlParts,
  { record, revision }: ImageEntry,
  context: Context,
): Plan<Operation> {
  const { actor, expectedGeneration } = context;
  if (expectedGeneration !== undefined && expectedGeneration !== record.generation) {
    throw new Fault(
      "request.precondition_failed",
      `${record.name} has changed since: it is at generation ${record.generation}, not ${expectedGeneration}. Look again.`,
      { details: { generation: record.generation } },
    );
  }
  const open = parts.view.operations.openOn(record.id);
  const same = open.find((operation) => operation.verb === "image.delete");
  if (record.phase === "removing" && same !== undefined) return { result: same };
  const users = usersOf(parts.view, record.id);
  if (users.length > 0) {
    throw new Fault(
      "image.in_use",
      `${record.name} is used by ${users.slice(0, 5).join(", ")}: delete those VMs first.`,
      {
        details: { vms: users },
      },
    );
  }
  const next: ImageRecord = {
    ...record,
    phase: "removing",
    generation: record.generation + 1,
    updatedAt: timestamp(parts.clock),
  };
  const operation = newOperation(parts, {
    verb: "image.delete",
    target: imageTarget(record),
    generation: next.generation,
    actor: actor.name,
  });
  return {
    result: operation,
    txn: {
      when: [unchanged(imageKey(record.id), revision)],
      then: [putImage(next), putOperation(operation)],
    },
  };
}

import { open, stat } from "node:fs/promises";
import { basename } from "node:path";
import { type Client, listAll } from "@serai/api-contract/client";
import type { ImageView } from "@serai/api-contract/schemas";
import { Fault } from "@serai/kit/fault";
import { formatFromName, guessBytes, guessFormat, type ImportFormat } from "@serai/model/image-format";
import type { Context } from "../context.ts";
import { bytes, plain, since, table } from "../terminal-text.ts";

export async function listImages(context: Context, options: { catalogue?: boolean }): Promise<void> {
  const client = await context.client();
  if (options.catalogue === true) {
    const { items } = await client.call("listCatalogue", {}, context.signal);
    return context.show(items, () =>
      table(
        ["NAME", "TITLE", "FROM"],
        items.map((item) => [item.name, item.title, item.url]),
      ),
    );
  }
  const images: ImageView[] = [];
  for await (const image of listAll(client, "listImages", {}, context.signal)) images.push(image);
  context.show(images, () =>
    images.length === 0
      ? "There are no images yet; serai image pull NAME fetches one, serai image ls --catalogue shows which."
      : table(
          ["NAME", "ID", "KIND", "PHASE", "SIZE", "GUEST", "AGE"],
          images.map((image) => [
            image.name,
            image.id,
            image.kind,
            phaseOf(image),
            image.sizeBytes === undefined ? "" : bytes(image.sizeBytes),
            plain(image.guest?.title ?? ""),
            since(image.createdAt, Date.now()),
          ]),
        ),
  );
}

const phaseOf = (image: ImageView): string =>
  image.phase === "receiving" && image.progress !== undefined
    ? `receiving ${Math.floor(image.progress * 100)} %`
    : image.phase;

/** Sends a local file; an import that broke off goes on where it stopped when it is repeated. */
export async function importImage(
  context: Context,
  file: string,
  options: { name?: string; format?: string },
): Promise<void> {
  const info = await stat(file).catch((error: NodeJS.ErrnoException) => {
    throw new Fault(
      "request.malformed",
      `${file} cannot be read: ${error.code === "ENOENT" ? "there is no such file" : error.message}.`,
    );
  });
  if (!info.isFile()) throw new Fault("request.malformed", `${file} is not a file; name a disk image.`);
  const name = options.name ?? nameFrom(file);
  const format = (options.format as ImportFormat | undefined) ?? (await guessFrom(file));
  const client = await context.client();
  const { receipt, id, offset } = await declare(
    client,
    { name, format, sizeBytes: info.size },
    context.signal,
  );
  await send(context, client, { id, file, offset, sizeBytes: info.size });
  if (receipt === undefined)
    return context.say(`Sent the rest of ${name}; serai image ls shows when it is ready.`);
  const ended = await context.finish(receipt, `Checking ${name}`);
  const { appliance } = await client.call("getImage", { params: { image: id } }, context.signal);
  context.show(ended, () =>
    [
      `Imported ${name} (${id}).`,
      ...(appliance?.warnings ?? []).map((warning) => `Note: ${plain(warning)}`),
    ].join("\n"),
  );
}

async function declare(
  client: Client,
  wish: { name: string; format: ImportFormat; sizeBytes: number },
  signal: AbortSignal,
): Promise<{ receipt?: Awaited<ReturnType<Context["finish"]>>; id: string; offset: number }> {
  const { name, format, sizeBytes } = wish;
  try {
    const receipt = await client.call(
      "createImage",
      { body: { name, source: { kind: "upload", format, sizeBytes } } },
      signal,
    );
    return { receipt, id: receipt.target.id, offset: 0 };
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== "name.taken") throw error;
    const there = await client.call("getImage", { params: { image: name } }, signal);
    if (there.phase !== "receiving" && there.phase !== "pending") throw error;
    return { id: there.id, offset: there.receivedBytes ?? 0 };
  }
}

async function send(
  context: Context,
  client: Client,
  { id, file, offset, sizeBytes }: { id: string; file: string; offset: number; sizeBytes: number },
): Promise<void> {
  await using source = await open(file);
  const isTerminal = process.stderr.isTTY;
  async function* chunks() {
    let sent = offset;
    for await (const chunk of source.createReadStream({
      start: offset,
      autoClose: false,
      highWaterMark: 1024 * 1024,
    })) {
      yield chunk as Buffer;
      sent += (chunk as Buffer).length;
      if (isTerminal) process.stderr.write(`\r\u001b[KSending ${Math.floor((sent / sizeBytes) * 100)} %`);
    }
    if (isTerminal) process.stderr.write("\r\u001b[K");
  }
  await client.call(
    "uploadImage",
    { params: { image: id }, query: { offset }, body: chunks() },
    context.signal,
  );
}

const nameFrom = (file: string): string =>
  basename(file)
    .toLowerCase()
    .replace(/\.(qcow2|img|raw|iso|vmdk|vhdx|vhd|vpc|vdi|ova)$/, "")
    .replaceAll(/[^a-z0-9._-]/g, "-")
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
    .slice(0, 63);

async function guessFrom(file: string): Promise<ImportFormat> {
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(guessBytes), 0, guessBytes, 0);
  return guessFormat(buffer.subarray(0, bytesRead), file);
}

export async function pullImage(
  context: Context,
  name: string,
  options: { as?: string; from?: string; sha256?: string; format?: string },
): Promise<void> {
  const client = await context.client();
  const source =
    options.from === undefined
      ? ({ kind: "catalogue", name } as const)
      : ({
          kind: "url",
          url: options.from,
          format:
            (options.format as ImportFormat | undefined) ??
            formatFromName(new URL(options.from).pathname) ??
            "qcow2",
          ...(options.sha256 !== undefined && { sha256: options.sha256 }),
        } as const);
  const receipt = await client.call(
    "createImage",
    { body: { name: options.as ?? name, source } },
    context.signal,
  );
  const ended = await context.finish(receipt, `Pulling ${name}`);
  context.show(ended, () => `Pulled ${options.as ?? name} (${ended.target.id}).`);
}

export async function removeImages(context: Context, references: readonly string[]): Promise<void> {
  const client = await context.client();
  for (const image of references) {
    const receipt = await client.call("deleteImage", { params: { image } }, context.signal);
    const ended = await context.finish(receipt, `Deleting ${image}`);
    context.show(ended, () => `Deleted ${image}.`);
  }
}

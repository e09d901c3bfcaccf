import { createWriteStream } from "node:fs";
import { access, rename, rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { Download } from "@serai/api-contract/client";
import { Fault } from "@serai/kit/fault";
import type { DiskExportFormat, VmExportFormat } from "@serai/model/image-format";
import type { Context } from "../context.ts";
import { bytes } from "../terminal-text.ts";

type Options = { output?: string; format: string };

export async function exportImage(context: Context, image: string, options: Options): Promise<void> {
  const client = await context.client();
  const query = { format: options.format as DiskExportFormat };
  await save(
    context,
    await client.download("exportImage", { params: { image }, query }, context.signal),
    options.output,
  );
}

export async function exportVm(
  context: Context,
  vm: string,
  options: Options & { disk?: string },
): Promise<void> {
  const client = await context.client();
  const query = {
    format: options.format as VmExportFormat,
    ...(options.disk !== undefined && { disk: options.disk }),
  };
  await save(
    context,
    await client.download("exportVm", { params: { vm }, query }, context.signal),
    options.output,
  );
}

/** Complete or absent: written aside and renamed. `-` is stdout. */
async function save(
  context: Context,
  { body, sizeBytes, fileName }: Download,
  output = fileName,
): Promise<void> {
  if (output === "-") {
    await pipeline(body, process.stdout, { signal: context.signal, end: false });
    return;
  }
  const isThere = await access(output).then(
    () => true,
    () => false,
  );
  if (isThere)
    throw new Fault("request.malformed", `${output} is there already: name another file with --output.`);
  const aside = `${output}.part`;
  try {
    const counted = { bytes: 0 };
    await pipeline(countInto(counted, body, sizeBytes), createWriteStream(aside), { signal: context.signal });
    if (counted.bytes !== sizeBytes) throw new Fault("host.unreachable", "The file broke off; try again.");
    await rename(aside, output);
  } finally {
    await rm(aside, { force: true });
  }
  context.show({ file: output, sizeBytes }, () => `Wrote ${output} (${bytes(sizeBytes)}).`);
}

async function* countInto(
  counted: { bytes: number },
  body: AsyncIterable<Uint8Array>,
  sizeBytes: number,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    yield chunk;
    counted.bytes += chunk.byteLength;
    if (process.stderr.isTTY)
      process.stderr.write(
        `\r\u001b[KReceiving ${Math.floor((counted.bytes / Math.max(1, sizeBytes)) * 100)} %`,
      );
  }
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
}

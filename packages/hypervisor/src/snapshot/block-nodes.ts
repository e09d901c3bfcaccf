import { basename } from "node:path";
import type { QmpSession } from "@serai/qmp/session";

/** The block nodes of a running QEMU by the names of their files; and which of them the guest's disks write to. */
export type BlockNodes = {
  /** The format node of a file. */
  byFile: ReadonlyMap<string, string>;
  /** Files that a disk of the guest stands on directly. */
  active: ReadonlySet<string>;
};

export async function readBlockNodes(session: QmpSession, signal: AbortSignal): Promise<BlockNodes> {
  const [nodes, devices] = await Promise.all([
    session.execute("query-named-block-nodes", { flat: true }, {}, signal),
    session.execute("query-block", {}, {}, signal),
  ]);
  const byFile = new Map<string, string>();
  const fileOf = new Map<string, string>();
  for (const node of nodes) {
    const name = node["node-name"];
    if (name === undefined || node.drv === "file") continue;
    const file = fileNameOf(node.file);
    byFile.set(file, name);
    fileOf.set(name, file);
  }
  const active = new Set<string>();
  for (const { inserted } of devices) {
    const file = fileOf.get(inserted?.["node-name"] ?? "");
    if (file !== undefined) active.add(file);
  }
  return { byFile, active };
}

/** QEMU tells a plain path, or JSON once a node was put together by hand. */
function fileNameOf(file: string): string {
  if (!file.startsWith("json:")) return basename(file);
  const options = JSON.parse(file.slice(5)) as { file?: { filename?: string } };
  return basename(options.file?.filename ?? file);
}

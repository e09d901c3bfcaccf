import type { LiveVm } from "../live-vm.ts";
import { readBlockNodes } from "./block-nodes.ts";

export type Overlay = {
  /** The file that the guest writes to now. */
  below: string;
  path: string;
};

/** QEMU's names are at most 31 characters long. */
const nodeOf = (layer: string, index: number): string => `${layer.replace("-", "").slice(0, 24)}-${index}`;

/** Overlays that QEMU holds open and nothing writes to yet. */
export type OpenOverlays = {
  /** All disks write to their overlays from one moment on, or none does. */
  stack(signal: AbortSignal): Promise<void>;
  /** Closes those that were not stacked. */
  close(signal: AbortSignal): Promise<void>;
};

/** Opens new, empty overlays for disks of a guest that goes on meanwhile. */
export async function openOverlays(
  { session }: LiveVm,
  { layer, overlays }: { layer: string; overlays: readonly Overlay[] },
  signal: AbortSignal,
): Promise<OpenOverlays> {
  const { byFile } = await readBlockNodes(session, signal);
  const opened: string[] = [];
  const close = async (inner: AbortSignal) => {
    for (const name of opened.splice(0))
      await session.execute("blockdev-del", { "node-name": name }, {}, inner);
  };
  const actions = overlays.map(({ below }, index) => {
    const node = byFile.get(below);
    if (node === undefined) throw new Error(`QEMU has no disk ${below} open`);
    return { type: "blockdev-snapshot", data: { node, overlay: nodeOf(layer, index) } } as const;
  });
  try {
    for (const [index, { path }] of overlays.entries()) {
      await session.execute(
        "blockdev-add",
        {
          driver: "qcow2",
          "node-name": nodeOf(layer, index),
          backing: null,
          discard: "unmap",
          "detect-zeroes": "unmap",
          file: { driver: "file", filename: path, "auto-read-only": true, locking: "on", discard: "unmap" },
        },
        {},
        signal,
      );
      opened.push(nodeOf(layer, index));
    }
  } catch (error) {
    await close(AbortSignal.timeout(10_000)).catch(() => {}); // the first failure says more
    throw error;
  }
  return {
    close,
    async stack(inner) {
      if (actions.length > 0) await session.execute("transaction", { actions }, {}, inner);
      opened.splice(0);
    },
  };
}

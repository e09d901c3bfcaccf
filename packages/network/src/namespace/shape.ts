import type { NetNamespace } from "@serai/linux/net-namespace";
import type { Bandwidth } from "@serai/model/network";
import { redirectLines, shapeLines } from "./bandwidth.ts";
import { interfacesOf } from "./links.ts";
import { runBatch, runIn } from "./run.ts";

type Place = { namespace: NetNamespace; tap: string; shaper: string };

const what = "limit the bandwidth of a NIC";

/** Limits a tap that is there, or takes the limits away; packets that are on their way stay on it. */
export async function shape(
  { namespace, tap, shaper }: Place,
  bandwidth: Bandwidth,
  signal: AbortSignal,
): Promise<void> {
  const hasShaper = interfacesOf(namespace).has(shaper);
  const { ip, tc } = shapeLines({ tap, shaper, bandwidth, hasShaper });
  await runBatch(namespace, { program: "ip", lines: ip, what }, signal);
  if (bandwidth.inBitsPerSecond === undefined) await dropQueue(namespace, [tap, "root"], signal);
  if (bandwidth.outBitsPerSecond === undefined) await dropQueue(namespace, [tap, "ingress"], signal);
  else if (!hasShaper) {
    await dropQueue(namespace, [tap, "ingress"], signal);
    tc.push(...redirectLines(tap, shaper));
  }
  await runBatch(namespace, { program: "tc", lines: tc, what }, signal);
}

/** Removes what a NIC's own traffic was shaped on; unlike a tap it does not vanish with its QEMU. */
export async function removeShaper(
  namespace: NetNamespace,
  shaper: string,
  signal: AbortSignal,
): Promise<void> {
  if (!interfacesOf(namespace).has(shaper)) return;
  await runBatch(namespace, { program: "ip", lines: [`link del dev ${shaper}`], what }, signal);
}

/** It may not be there: then that is what was wanted. */
async function dropQueue(
  namespace: NetNamespace,
  [dev, queue]: readonly [string, string],
  signal: AbortSignal,
): Promise<void> {
  await runIn(namespace, { argv: ["tc", "qdisc", "del", "dev", dev, queue] }, signal);
}

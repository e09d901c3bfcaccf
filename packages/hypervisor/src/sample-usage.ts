import { readFile } from "node:fs/promises";
import type { VmUsage } from "@serai/model/host";
import type { LiveVm } from "./live-vm.ts";

const ticksPerSecond = 100; // USER_HZ: the same on every Linux we run on
const pageBytes = 4096;

/** Live figures of a running VM. Undefined when it is gone. */
export async function sampleUsage(live: LiveVm, signal: AbortSignal): Promise<VmUsage | undefined> {
  const { record, process } = live;
  if (process === undefined) return undefined;
  const stat = await readFile(`/proc/${process.identity.pid}/stat`, "latin1").catch(() => undefined);
  if (stat === undefined) return undefined;
  // The second field, the program's name, may hold spaces and parentheses: count from its end.
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const [guestMemoryBytes, disks] = await Promise.all([
    readGuestMemory(live, signal),
    readDisks(live, signal),
  ]);
  return {
    vm: record.plan.vm,
    cpuSeconds: ((fields[11] ?? 0) + (fields[12] ?? 0)) / ticksPerSecond,
    residentBytes: (fields[21] ?? 0) * pageBytes,
    guestMemoryBytes,
    ...disks,
    // User-mode networking counts nothing.
    netReceivedBytes: 0,
    netSentBytes: 0,
    uptimeSeconds:
      record.startedAt === undefined ? 0 : Math.max(0, (Date.now() - Date.parse(record.startedAt)) / 1000),
  };
}

async function readGuestMemory({ record, session }: LiveVm, signal: AbortSignal): Promise<number> {
  const { memoryBytes, hasBalloon } = record.plan.spec;
  if (!hasBalloon) return memoryBytes;
  try {
    return Math.min(memoryBytes, Number((await session.execute("query-balloon", {}, {}, signal)).actual));
  } catch {
    return memoryBytes; // a guest without the driver has it all
  }
}

async function readDisks(
  { session }: LiveVm,
  signal: AbortSignal,
): Promise<{ diskReadBytes: number; diskWrittenBytes: number }> {
  const all = await session.execute("query-blockstats", {}, {}, signal);
  return {
    diskReadBytes: all.reduce((sum, { stats }) => sum + Number(stats.rd_bytes), 0),
    diskWrittenBytes: all.reduce((sum, { stats }) => sum + Number(stats.wr_bytes), 0),
  };
}

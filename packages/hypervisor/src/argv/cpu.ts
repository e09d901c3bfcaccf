import { commaOption } from "./options.ts";

export type CpuInput = { accelerator: "kvm" | "tcg"; cpus: number; memoryBytes: number };

export function cpuArgv({ accelerator, cpus, memoryBytes }: CpuInput): string[] {
  const accel =
    accelerator === "kvm"
      ? "kvm"
      : commaOption("tcg", { thread: "multi", "tb-size": translationBufferMiB(memoryBytes) });
  return [
    "-accel",
    accel,
    "-cpu",
    accelerator === "kvm" ? "host" : "max",
    "-smp",
    commaOption(String(cpus), { sockets: 1, cores: cpus, threads: 1, maxcpus: cpus }),
  ];
}

const MiB = 1024 * 1024;

/** QEMU's own choice grows to 1 GiB per VM. A small guest runs as fast with a small buffer. */
function translationBufferMiB(memoryBytes: number): number {
  if (memoryBytes <= 512 * MiB) return 32;
  return memoryBytes <= 4096 * MiB ? 128 : 512;
}

export type MemoryInput = { memoryBytes: number; hasOddSize: boolean };

/**
 * RAM in KiB. Before QEMU 9, TCG loses guest writes in a live migration unless the RAM is no multiple of 256 KiB: 8
 * more force the slow and correct path.
 */
export function memoryArgv({ memoryBytes, hasOddSize }: MemoryInput): string[] {
  return ["-m", `${memoryBytes / 1024 + (hasOddSize ? 8 : 0)}k`];
}

/** The port of QEMU's isa-debug-exit device, and what the guest writes to it when all went well. */
export const probeExitPort = 0xf4;
const probeSuccess = 0x2a;
/** QEMU's exit code then: the device makes it odd. */
export const probeExitCode = (probeSuccess << 1) | 1;

/** x86-64 machine code. The comments say what the bytes do; there is no assembler among our tools. */
const code = [
  // 0x000: multiboot header: load the whole file at 1 MiB, enter at 0x100020 in 32-bit protected mode
  "02 b0 ad 1b 00 00 01 00 fe 4f 51 e4 00 00 10 00 00 00 10 00 00 00 00 00 00 40 10 00 20 00 10 00",
  // 0x020: no interrupts, a stack, three pages of page tables zeroed at 0x110000
  "fa bc 00 80 10 00 bf 00 00 11 00 31 c0 b9 00 0c 00 00 fc f3 ab",
  // 0x035: levels 4, 3, 2; in 2 MiB pages: 0 and 2 MiB as they are, and 4 MiB as an alias of 2 MiB
  "c7 05 00 00 11 00 03 10 11 00 c7 05 00 10 11 00 03 20 11 00 c7 05 00 20 11 00 83 00 00 00 c7 05",
  "08 20 11 00 83 00 20 00 c7 05 10 20 11 00 83 00 20 00",
  // 0x067: lgdt; CR4: PAE, SSE
  "0f 01 15 70 01 10 00 0f 20 e0 0d 20 06 00 00 0f 22 e0",
  // 0x079: CR3; EFER: long mode
  "b8 00 00 11 00 0f 22 d8 b9 80 00 00 c0 0f 32 0d 00 01 00 00 0f 30",
  // 0x08f: CR0: paging on; far jump into 64-bit code
  "0f 20 c0 83 e0 fb 0d 02 00 00 80 0f 22 c0 ea a4 00 10 00 08 00",
  // 0x0a4: data segments, lidt
  "b8 10 00 00 00 8e d8 8e c0 8e d0 0f 01 1c 25 76 01 10 00",
  // 0x0b7: an interrupt gate for vector 0x40
  "bf 00 34 11 00 b8 4d 01 10 00 66 89 07 66 c7 47 02 08 00 66 c7 47 04 00 8e c1 e8 10 66 89 47 06",
  "48 c7 47 08 00 00 00 00",
  // 0x0df: 100,000 rounds of imul, add, rol in 64 bits
  "48 b8 ef cd ab 89 67 45 23 01 b9 a0 86 01 00 48 6b c0 03 48 01 c8 48 c1 c0 07 ff c9 75 f1",
  // 0x0fd: the result written through the alias is read at its other address
  "48 89 04 25 00 01 40 00 48 8b 1c 25 00 01 20 00 48 39 c3 75 2e",
  // 0x112: the same value through SSE registers
  "66 48 0f 6e c0 66 0f ef c9 66 0f d4 c8 66 48 0f 7e cb 48 39 c3 75 17",
  // 0x129: an interrupt and back
  "31 db cd 40 81 fb a1 e7 05 00 75 0b",
  // 0x135: cpuid
  "31 c0 0f a2",
  // 0x139: success: 0x2a
  "b8 2a 00 00 00 eb 05",
  // 0x140: failure: 1
  "b8 01 00 00 00",
  // 0x145: to the exit device, then halt
  "66 ba f4 00 ef f4 eb fd",
  // 0x14d: the interrupt's handler
  "bb a1 e7 05 00 48 cf 0f 1f 40 00",
  // 0x158: segment descriptors: none, 64-bit code, data
  "00 00 00 00 00 00 00 00 ff ff 00 00 00 9a af 00 ff ff 00 00 00 92 cf 00",
  // 0x170: the GDT's register value
  "17 00 58 01 10 00",
  // 0x176: the IDT's register value
  "ff 0f 00 30 11 00 00 00 00 00",
];

/**
 * A guest of 384 bytes that needs what every operating system needs: protected mode, paging, 64-bit code, SSE, an
 * interrupt. It computes, checks itself, and tells the outcome. Given to QEMU by `-kernel`.
 */
export function probeGuest(): Uint8Array {
  return Buffer.from(code.join("").replaceAll(" ", ""), "hex");
}

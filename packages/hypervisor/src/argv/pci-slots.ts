/**
 * Where each device sits on pcie.0. Fixed, so that adding a disk never renames a guest's network interface, and a
 * restored or migrated VM finds the same hardware.
 *
 *   0x01 display        0x02 root ports for hot-plug   0x03 the small devices, one function each
 *   0x04–0x0b NICs      0x0c–0x1b disks                0x1f the chipset
 */
export const pciSlots = {
  display: "0x1",
  rootPort: (index: number) => `0x2.0x${index}`,
  vserial: "0x3.0x0", // function 0 must be there for the others to be found: every VM has it
  rng: "0x3.0x1",
  balloon: "0x3.0x2",
  watchdog: "0x3.0x3",
  scsi: "0x3.0x4",
  usb: "0x3.0x5",
  pvpanic: "0x3.0x6",
  nic: (index: number) => slot(0x04, index, 8),
  disk: (index: number) => slot(0x0c, index, 16),
} as const;

function slot(first: number, index: number, count: number): string {
  if (index >= count) throw new Error(`there are ${count} slots, and device ${index} needs one more`);
  return `0x${(first + index).toString(16)}`;
}

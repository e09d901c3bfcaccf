import { Fault } from "@serai/kit/fault";
import { commaOption, device } from "./options.ts";
import { pciSlots } from "./pci-slots.ts";

export type MachineInput = {
  vm: string;
  token: string;
  uuid: string;
  machineType: string;
  flash?: { code: string; vars: string };
};

const hotPlugPorts = 4;

/** Board, identity, and what QEMU does at the guest's turns: it never ends by itself, so that nobody misses why. */
export function machineArgv({ vm, token, uuid, machineType, flash }: MachineInput): string[] {
  if (!/^pc-q35-[0-9]{1,2}\.[0-9]{1,2}$/.test(machineType)) {
    throw new Fault(
      "vm.spec_invalid",
      `There is no machine type ${JSON.stringify(machineType)}; use one that the host lists, such as pc-q35-7.2.`,
    );
  }
  const ports = Array.from({ length: hotPlugPorts }, (_, index) =>
    device({
      driver: "pcie-root-port",
      id: `port${index}`,
      bus: "pcie.0",
      addr: pciSlots.rootPort(index),
      chassis: index + 1,
      ...(index === 0 && { multifunction: true }),
    }),
  );
  return [
    "-no-user-config",
    "-nodefaults",
    "-name",
    commaOption(qemuName(vm, token), { "debug-threads": "on" }),
    "-uuid",
    uuid,
    "-machine",
    commaOption(machineType, {
      vmport: "off",
      "dump-guest-core": "off",
      ...(flash && { pflash0: flash.code, pflash1: flash.vars }),
    }),
    "-smbios",
    commaOption("type=1", { manufacturer: "Serai", product: "Virtual machine" }),
    "-rtc",
    "base=utc",
    // A guest asleep in S3 looks like a paused one that no resume wakes.
    "-global",
    "ICH9-LPC.disable_s3=1",
    "-action",
    "reboot=reset,shutdown=pause,panic=pause,watchdog=pause",
    "-msg",
    "timestamp=on",
    ...ports.flat(),
  ];
}

/** What `query-name` answers: the VM and this very launch of it. */
export const qemuName = (vm: string, token: string): string => `${vm}.${token}`;

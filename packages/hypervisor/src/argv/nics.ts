import type { CompleteNic } from "@serai/model/vm-spec";
import { tapNicArgv, type TapEnd } from "./nic-tap.ts";
import { userNicArgv } from "./nic-user.ts";

export type NicEnds = {
  /** By the NIC's name. */
  taps?: ReadonlyMap<string, TapEnd>;
  /** Of the other NICs, in their order; without one QEMU is the network itself. */
  descriptors?: readonly number[];
};

export function nicsArgv(nics: readonly CompleteNic[], { taps, descriptors = [] }: NicEnds): string[] {
  let next = 0;
  return nics.flatMap((nic, index) => {
    const tap = taps?.get(nic.name);
    return tap === undefined ? userNicArgv(nic, index, descriptors[next++]) : tapNicArgv(nic, index, tap);
  });
}

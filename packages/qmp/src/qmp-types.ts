import type { Qmp10Commands, Qmp10Events } from "./generated/qmp-10.ts";
import type { Qmp7_2Commands, Qmp7_2Events } from "./generated/qmp-7.2.ts";

/**
 * One client serves every QEMU from 7.2 on. What 7.2 has, has 7.2's types: QEMU keeps those working. What only a
 * later QEMU has can be called too, once `session.supports(command)` has said yes.
 */
type Commands = Qmp7_2Commands & Omit<Qmp10Commands, keyof Qmp7_2Commands>;
type Events = Qmp7_2Events & Omit<Qmp10Events, keyof Qmp7_2Events>;

export type QmpCommandName = keyof Commands;
export type QmpArguments<K extends QmpCommandName> = Commands[K]["arguments"];
export type QmpReturns<K extends QmpCommandName> = Commands[K]["returns"];

export type QmpEventName = keyof Events;
export type QmpEventData<N extends QmpEventName> = Events[N];

/** Something QEMU reported by itself; narrows by `event`. A QEMU newer than our types may send others. */
export type QmpEvent = {
  [N in QmpEventName]: { event: N; data: Events[N]; timestampMs: number };
}[QmpEventName];

export type QmpGreeting = {
  version: { major: number; minor: number; micro: number; package: string };
  capabilities: readonly string[];
};

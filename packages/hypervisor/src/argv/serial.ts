import { commaOption, device } from "./options.ts";

export type SerialInput = { socket: string; log: string };

/** The first serial port: a socket for one listener, and a log of all that the guest ever wrote. */
export function serialArgv({ socket, log }: SerialInput): string[] {
  return [
    "-chardev",
    commaOption("socket", {
      id: "serial",
      path: socket,
      server: "on",
      wait: "off",
      logfile: log,
      logappend: "on",
    }),
    ...device({ driver: "isa-serial", id: "serial0", chardev: "serial" }),
  ];
}

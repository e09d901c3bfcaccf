import { commaOption } from "./options.ts";

/** A monitor serves one client at a time, so there is a second one for diagnosis. */
export function monitorsArgv(sockets: readonly string[]): string[] {
  return sockets.flatMap((path, index) => [
    "-chardev",
    commaOption("socket", { id: `monitor${index}`, path, server: "on", wait: "off" }),
    "-mon",
    commaOption(`chardev=monitor${index}`, { mode: "control" }),
  ]);
}

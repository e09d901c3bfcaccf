import { readdirSync } from "node:fs";
import { libc } from "./libc.ts";

const setDescriptorFlags = 2;
const closeOnExec = 1;

/**
 * Keeps open files that whoever started us left open from every program that we start. Node does this only for the
 * first few; its own files never get that far. What a program is to have is passed to it as its `stdio`.
 */
export function keepDescriptorsToOurselves(): void {
  const fcntl = libc().load("int fcntl(int fd, int command, int argument)");
  for (const entry of readdirSync("/proc/self/fd")) {
    const fd = Number(entry);
    if (fd > 2) fcntl(fd, setDescriptorFlags, closeOnExec); // fails for the one that listed the others, and is gone
  }
}

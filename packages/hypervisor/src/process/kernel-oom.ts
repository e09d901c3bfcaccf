import { closeSync, constants, openSync, readSync } from "node:fs";

/** True if the kernel's log says that it killed this process for want of memory. False also where we may not read it. */
export function wasKilledForMemory(pid: number): boolean {
  let fd: number;
  try {
    fd = openSync("/dev/kmsg", constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return false; // only some may read the kernel's log
  }
  try {
    return scan(fd, new RegExp(`Killed process ${pid} \\(`));
  } finally {
    closeSync(fd);
  }
}

/** Each read gives one record; EAGAIN comes after the last, EPIPE says that the oldest were overwritten meanwhile. */
function scan(fd: number, pattern: RegExp): boolean {
  const record = Buffer.alloc(8192);
  let isFound = false;
  for (;;) {
    try {
      const length = readSync(fd, record);
      if (length === 0) return isFound;
      isFound ||= pattern.test(record.toString("latin1", 0, length));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EPIPE") return isFound;
    }
  }
}

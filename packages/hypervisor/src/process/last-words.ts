import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const tailBytes = 4096;

/** What QEMU said last, as one line without its time stamps and its own name. */
export function lastWords(log: string): string {
  const lines = readTail(log, tailBytes)
    .split("\n")
    .map((line) => line.replace(/^\S+T\S+Z /, "").replace(/^[\w./-]*qemu-system-\w+: /, ""))
    .map((line) => line.replace(/^-\w+ \{.*\}: /, "").trim()) // the whole option, which is ours and long
    .filter((line) => line !== "" && !/^qemu: module \S+ not found/.test(line));
  return lines.slice(-5).join("; ");
}

function readTail(file: string, limit: number): string {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch {
    return ""; // nothing was said
  }
  try {
    const { size } = fstatSync(fd);
    const buffer = Buffer.alloc(Math.min(size, limit));
    const length = readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString("utf8", 0, length);
  } finally {
    closeSync(fd);
  }
}

import { readSync, writeSync } from "node:fs";
import process from "node:process";
import { libc } from "@serai/linux/libc";
import { openTap } from "@serai/linux/tap";

/** Carries frames between the tap it was given as descriptor 3 and its own NIC eth0, until it is killed. */
const given = 3;
const own = openTap("eth0");
if (own === undefined) throw new Error("eth0 is taken");
const poll = libc().load("int poll(_Inout_ uint8_t *fds, ulong count, int timeoutMs)");
const frame = Buffer.alloc(70_000);

process.stdout.write("ready\n");
for (;;) {
  const wait = Buffer.alloc(16);
  wait.writeInt32LE(given, 0);
  wait.writeInt16LE(1, 4);
  wait.writeInt32LE(own, 8);
  wait.writeInt16LE(1, 12);
  poll(wait, 2, -1);
  carry(given, own);
  carry(own, given);
}

function carry(from: number, to: number): void {
  for (;;) {
    try {
      writeSync(to, frame, 0, readSync(from, frame));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EAGAIN") return;
      if (code !== "EIO" && code !== "EINVAL") throw error; // the other side is not up yet
    }
  }
}

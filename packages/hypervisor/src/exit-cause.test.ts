import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeExit, type EndFacts } from "./exit-cause.ts";

const facts: EndFacts = {
  status: { code: 0, signal: undefined },
  isRequested: false,
  hasGuestShutDown: false,
  trouble: undefined,
  isOutOfMemory: false,
  hasHostRebooted: false,
  wasWatched: true,
  lastWords: "",
};
const killed = { code: undefined, signal: "SIGKILL" };
const at = "2026-01-01T00:00:00Z";

const table = [
  ["we ended it", { isRequested: true, status: killed }, "requested"],
  [
    "we ended it because it had panicked",
    { isRequested: true, status: killed, trouble: { kind: "guest_panic", at } },
    "guest_panic",
  ],
  [
    "we ended it because it hung",
    { isRequested: true, status: killed, trouble: { kind: "guest_hang", at } },
    "guest_hang",
  ],
  ["the guest shut down", { hasGuestShutDown: true }, "guest_shutdown"],
  ["somebody killed it", { status: killed }, "process_killed"],
  ["somebody told it to quit", {}, "process_killed"],
  ["the kernel wanted its memory", { status: killed, isOutOfMemory: true }, "host_oom"],
  ["it had a fault", { status: { code: undefined, signal: "SIGSEGV" } }, "process_crash"],
  ["it gave up", { status: { code: 1, signal: undefined } }, "process_crash"],
  ["the host was restarted", { status: undefined, hasHostRebooted: true, wasWatched: false }, "host_reboot"],
  ["nobody was there", { status: undefined, wasWatched: false }, "vanished"],
  [
    "nobody was there, but the kernel's log tells",
    { status: undefined, wasWatched: false, isOutOfMemory: true },
    "host_oom",
  ],
  ["it was adopted and went silently", { status: undefined }, "process_killed"],
  [
    "it was adopted and went complaining",
    { status: undefined, lastWords: "assertion failed" },
    "process_crash",
  ],
  [
    "it was killed while it hung, not by us",
    { status: killed, trouble: { kind: "guest_hang", at } },
    "process_killed",
  ],
] as const;

for (const [what, change, cause] of table) {
  test(`${what}: ${cause}`, () => {
    const judged = judgeExit({ ...facts, ...change });

    assert.equal(judged.cause, cause);
    assert.match(judged.detail, /^[A-Z].*\.?$/);
  });
}

test("QEMU's last words are passed on", () => {
  assert.match(
    judgeExit({ ...facts, status: { code: 1, signal: undefined }, lastWords: "out of tea" }).detail,
    /out of tea/,
  );
});

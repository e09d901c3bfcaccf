/** What Serai asks of QEMU that some QEMU does wrong. */
export type QemuFeature =
  | "precopy_migration"
  | "live_memory_snapshot" // migrate to a file while the guest runs
  | "memory_hotplug_migration"
  | "postcopy_migration"
  | "paused_migration"
  | "background_snapshot"
  | "instant_clone_readonly_ram"
  | "colo";

export type QemuSafetyQuestion = { accelerator: "kvm" | "tcg"; qemuVersion: string; feature: QemuFeature };

/** How a combination that is unsafe as it stands is made safe. */
export type QemuCure = "odd_ram" | "use_postcopy" | "use_background_snapshot" | "checkpoint_shim";

export type QemuSafety =
  | { verdict: "ok" }
  | { verdict: "cured"; cure: QemuCure; reason: string }
  | { verdict: "refused"; reason: string };

type Rule = {
  feature: QemuFeature;
  accelerator?: "kvm" | "tcg";
  /** From this version on, and before that one. */
  from?: number;
  before?: number;
} & ({ cure: QemuCure; reason: string } | { cure?: never; reason: string });

const lostWrites = "QEMU before 9.0 without KVM loses guest writes when it copies memory more than once";

/** The known ones; every entry was seen to fail. The first that applies decides. */
const rules: readonly Rule[] = [
  {
    feature: "precopy_migration",
    accelerator: "tcg",
    before: 9,
    cure: "odd_ram",
    reason: `${lostWrites}; a RAM size that is no multiple of 256 KiB avoids it`,
  },
  {
    feature: "live_memory_snapshot",
    accelerator: "tcg",
    before: 9,
    cure: "use_background_snapshot",
    reason: `${lostWrites}; a background snapshot copies each page once`,
  },
  {
    feature: "memory_hotplug_migration",
    accelerator: "tcg",
    before: 9,
    cure: "use_postcopy",
    reason: `${lostWrites}, hot-plugged memory included; post-copy avoids it`,
  },
  {
    feature: "instant_clone_readonly_ram",
    before: 9,
    reason: "QEMU before 9.0 turns memory from a read-only file into ROM; open the file privately instead",
  },
  {
    feature: "colo",
    from: 10,
    reason: "in QEMU 10 a protected VM's first checkpoint ends the protection; use QEMU 7.2 to 9",
  },
  {
    feature: "colo",
    accelerator: "tcg",
    before: 10,
    cure: "checkpoint_shim",
    reason: "a checkpoint without KVM waits for a lock that it holds; a preloaded shim avoids it",
  },
];

/** Tells whether a combination is safe, made safe, or not to be used, and why. */
export function checkQemuSafety({ accelerator, qemuVersion, feature }: QemuSafetyQuestion): QemuSafety {
  const major = Number.parseInt(qemuVersion, 10);
  const rule = rules.find(
    (candidate) =>
      candidate.feature === feature &&
      (candidate.accelerator ?? accelerator) === accelerator &&
      major >= (candidate.from ?? 0) &&
      major < (candidate.before ?? Number.POSITIVE_INFINITY),
  );
  if (rule === undefined) return { verdict: "ok" };
  return rule.cure === undefined
    ? { verdict: "refused", reason: rule.reason }
    : { verdict: "cured", cure: rule.cure, reason: rule.reason };
}

import type { MockApi } from "@serai/api-contract/mock-api";
import type { VmView } from "@serai/api-contract/schemas";

const minuteMs = 60_000;
const ago = (minutes: number): string => new Date(Date.now() - minutes * minuteMs).toISOString();

const changes: readonly Partial<VmView>[] = [
  { name: "web-1", description: "Front end", startedAt: ago(3 * 1440 + 200) },
  { name: "db-main", description: "PostgreSQL 15", startedAt: ago(3 * 1440 + 190) },
  { name: "build-7", description: "Paused over night", state: "paused", power: "paused" },
  { name: "tiny-lab", description: "Kernel and busybox", startedAt: ago(7) },
  { name: "mail-old", description: "", trouble: { kind: "guest_panic", at: ago(4) }, startedAt: ago(95) },
  {
    name: "batch-3",
    description: "Nightly figures",
    state: "absent",
    power: "stopped",
    exit: { cause: "process_killed", at: ago(12), generation: 3, detail: "QEMU ended by signal 9." },
  },
  { name: "cache-1", description: "Valkey", startedAt: ago(1440) },
  { name: "registry", description: "Container images", startedAt: ago(2 * 1440) },
  { name: "desktop-anna", description: "", state: "suspended", power: "suspended" },
  { name: "monitor", description: "Prometheus", startedAt: ago(9 * 1440) },
  { name: "web-2", description: "Front end", startedAt: ago(3 * 1440 + 180) },
  { name: "staging", description: "As production, smaller" },
];

/** Gives the mock's VMs names and fates that look like a real place. */
export function decorate(api: MockApi): void {
  const { state } = api;
  [...state.objects.vm.values()].forEach((vm, index) => state.put("vm", { ...vm, ...changes[index] }));
  const [vm] = state.objects.vm.values();
  if (vm === undefined) return;
  const target = { kind: "vm" as const, id: vm.id, name: vm.name };
  state.note({
    type: "vm.panicked",
    severity: "error",
    target,
    message: "The guest's kernel panicked; its policy is to restart it.",
  });
  state.note({
    type: "vm.restarted",
    severity: "warning",
    target,
    message: "Restarted after a panic; 1 restart in a row.",
  });
}

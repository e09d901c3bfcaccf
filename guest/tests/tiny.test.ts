import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ensureGuestImage } from "../images.ts";
import type { GuestImage } from "../manifest.ts";
import { BareQemu, kernelArguments } from "./bare-qemu.ts";

let image: GuestImage;
before(async () => {
  image = await ensureGuestImage("tiny", { onProgress: (line) => console.error(line) });
});

const patience = () => AbortSignal.timeout(90_000);
const pvpanic = ["-device", "pvpanic-pci"];
const start = (extra: readonly string[], signal: AbortSignal) =>
  BareQemu.start(["-m", "256", "-no-shutdown", ...kernelArguments(image), ...extra], signal);

test("tiny says that it is ready before anything else, answers its agent and runs commands", async () => {
  const signal = patience();
  await using vm = await start([], signal);

  const readyMs = await vm.says(/serai-tiny ready/, signal);
  const readyCpu = await vm.cpuSeconds();
  await vm.agent(signal);
  const agentMs = performance.now() - vm.startedAt;
  console.error(
    `tiny: ready ${readyMs.toFixed(0)} ms, ${readyCpu} CPU-s; agent ${agentMs.toFixed(0)} ms, ${await vm.cpuSeconds()} CPU-s`,
  );
  const { exitCode, output } = await vm.shell("echo out; exit 7", signal);

  assert.match(vm.serial, /^serai-tiny ready\r?\n/);
  assert.deepEqual({ exitCode, output }, { exitCode: 7, output: "out\n" });
});

test("tiny has a shell with job control on its serial port", async () => {
  const signal = patience();
  await using vm = await start([], signal);
  await vm.says(/tiny:.*# /, signal);

  vm.type("sleep 99 &\njobs; tty; exit\n");

  await vm.says(/\[1\]\+ +Running +sleep 99[^]*\/dev\/ttyS0[^]*built-in shell/, signal);
});

test("tiny powers off when its power button is pressed", async () => {
  const signal = patience();
  await using vm = await start([], signal);
  await vm.agent(signal);
  await vm.shell("until pidof acpid; do sleep 0.1; done", signal);

  await (await vm.monitor(signal)).call("system_powerdown", {}, signal);

  const event = await vm.event("SHUTDOWN", signal);
  assert.deepEqual(event["data"], { guest: true, reason: "guest-shutdown" });
});

test("tiny powers off and reboots when its agent is told to", async () => {
  const signal = patience();
  await using vm = await start([], signal);
  const agent = await vm.agent(signal);

  agent.tell("guest-shutdown", { mode: "reboot" });
  const reset = await vm.event("RESET", signal);
  await vm.says(/serai-tiny ready[^]*serai-tiny ready/, signal);
  await agent.synchronize(signal);
  agent.tell("guest-shutdown", { mode: "powerdown" });
  const shutdown = await vm.event("SHUTDOWN", signal);

  assert.deepEqual(reset["data"], { guest: true, reason: "guest-reset" });
  assert.deepEqual(shutdown["data"], { guest: true, reason: "guest-shutdown" });
});

for (const device of ["pvpanic-pci", "pvpanic"]) {
  test(`a panic in tiny is reported through ${device}`, async () => {
    const signal = patience();
    await using vm = await start(["-device", device], signal);
    await vm.agent(signal);

    vm.type("echo c > /proc/sysrq-trigger\n");

    const event = await vm.event("GUEST_PANICKED", signal);
    assert.match(JSON.stringify(event["data"]), /"action":"(pause|poweroff)"/);
    await vm.says(/Kernel panic - not syncing: sysrq triggered crash/, signal);
  });
}

test("a panic in tiny without a panic device ends in a reset, not in a hang", async () => {
  const signal = patience();
  await using vm = await start([], signal);
  await vm.agent(signal);

  vm.type("echo c > /proc/sysrq-trigger\n");

  assert.deepEqual((await vm.event("RESET", signal))["data"], { guest: true, reason: "guest-reset" });
});

test("tiny takes NICs, disks, memory and processors while it runs", async () => {
  const signal = patience();
  await using vm = await start(
    [
      ...["-m", "256M,maxmem=4G,slots=4", "-smp", "1,maxcpus=2", ...pvpanic],
      ...[
        "-device",
        "pcie-root-port,id=rp0,chassis=1,slot=1",
        "-device",
        "pcie-root-port,id=rp1,chassis=2,slot=2",
      ],
      ...["-blockdev", "null-co,node-name=d0,size=67108864,read-zeroes=on", "-netdev", "user,id=n0"],
      ...["-object", "memory-backend-ram,id=m1,size=256M"],
    ],
    signal,
  );
  const monitor = await vm.monitor(signal);
  await vm.agent(signal);
  await vm.shell("until pidof uevent; do sleep 0.1; done", signal);

  const cpus = (await monitor.call("query-hotpluggable-cpus", {}, signal)) as HotCpu[];
  const free = cpus.find((cpu) => cpu["qom-path"] === undefined);
  await monitor.call("device_add", { driver: free?.type, id: "cpu1", ...free?.props }, signal);
  await monitor.call(
    "device_add",
    { driver: "virtio-net-pci", id: "nic0", netdev: "n0", bus: "rp0" },
    signal,
  );
  await monitor.call(
    "device_add",
    { driver: "virtio-blk-pci", id: "disk0", drive: "d0", bus: "rp1" },
    signal,
  );
  await monitor.call("device_add", { driver: "pc-dimm", id: "dimm0", memdev: "m1" }, signal);

  const seen = await vm.shell(
    `for try in $(seq 300); do
       [ $(nproc) = 2 ] && [ -b /dev/vda ] && ip -4 addr show eth0 | grep -q 'inet 10.0.2.' &&
         [ $(free -m | awk '/Mem/{print $2}') -gt 400 ] && echo all && exit
       sleep 0.1
     done; nproc; ls /dev/vd*; ip addr; free -m`,
    signal,
  );
  assert.equal(seen.output, "all\n");
});

for (const [bus, device] of [
  ["virtio-blk", ["-device", "virtio-blk-pci,drive=d0"]],
  ["virtio-scsi", ["-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=d0"]],
  ["nvme", ["-device", "nvme,drive=d0,serial=1"]],
] as const) {
  test(`tiny sees a disk on ${bus}`, async () => {
    const signal = patience();
    await using vm = await start(
      ["-blockdev", "null-co,node-name=d0,size=67108864,read-zeroes=on", ...device],
      signal,
    );

    const { output } = await vm.shell(
      "for n in $(seq 50); do ls /sys/block/ | grep -E '^(vda|sda|nvme0n1)$' && exit; sleep 0.1; done",
      signal,
    );

    assert.match(output, /^(vda|sda|nvme0n1)\n$/);
  });
}

test("tiny boots under UEFI firmware too", async () => {
  const signal = AbortSignal.timeout(180_000);
  const { kernelUefi } = image.files;
  assert.ok(kernelUefi);
  const efi = { ...image, files: { ...image.files, kernel: kernelUefi } };
  await using vm = await BareQemu.start(
    ["-m", "512", "-bios", "/usr/share/ovmf/OVMF.fd", ...kernelArguments(efi)],
    signal,
  );

  await vm.says(/serai-tiny ready/, signal);

  assert.equal((await vm.shell("ls -d /sys/firmware/efi", signal)).output, "/sys/firmware/efi\n");
});

type HotCpu = { type: string; props: Record<string, unknown>; "qom-path"?: string };

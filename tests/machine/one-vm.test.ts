import assert from "node:assert/strict";
import { once } from "node:events";
import { truncate, writeFile } from "node:fs/promises";
import test, { before } from "node:test";
import { execInGuest } from "@serai/qmp/agent-calls";
import { openQmpSession } from "@serai/qmp/session";
import { ensureGuestImage } from "../../guest/images.ts";
import type { GuestImage } from "../../guest/manifest.ts";
import type { LaunchPlan } from "../../packages/hypervisor/src/launch-plan.ts";
import type { VmDriver } from "../../packages/hypervisor/src/vm-driver.ts";
import { DriverFixture, eventually, patience } from "../../packages/hypervisor/tests/fixture.ts";

const MiB = 1024 * 1024;
let tiny: GuestImage;

before(async () => {
  tiny = await ensureGuestImage("tiny");
});

function tinyPlan(world: DriverFixture, spec: Partial<LaunchPlan["spec"]> = {}): LaunchPlan {
  const { kernel, initrd } = tiny.files;
  assert.ok(kernel !== undefined && initrd !== undefined);
  return world.plan(
    { memoryBytes: 192 * MiB, ...spec },
    { kernel: { path: kernel.path, initrdPath: initrd.path, cmdline: tiny.cmdline ?? "" } },
  );
}

async function boot(world: DriverFixture, spec: Partial<LaunchPlan["spec"]> = {}): Promise<VmDriver> {
  const driver = await world.open();
  await driver.launch(tinyPlan(world, spec), patience());
  await world.until("the agent", ({ agent }) => agent === "answering");
  return driver;
}

async function shell(driver: VmDriver, script: string): Promise<string> {
  const result = await execInGuest(
    driver.agent(),
    { path: "/bin/sh", args: ["-c", script], timeoutMs: 20_000 },
    patience(),
  );
  return result.stdout.toString().trim();
}

/** Asked of the monitor for diagnosis, behind the driver's back. */
async function guestStatus(world: DriverFixture): Promise<string> {
  await using session = await openQmpSession({ socketPath: `${world.directory}/qemu/qmp2.sock` }, patience());
  return (await session.execute("query-status", {}, {}, patience())).status;
}

test("a guest answers through its agent, tells its address, talks on its serial port, and shuts down when asked", async () => {
  await using world = await DriverFixture.create();
  const nics = [
    { name: "net0", model: "virtio", mac: "52:54:00:12:34:56", network: "user", forwards: [] },
  ] as const;
  const driver = await boot(world, { nics: nics.map((nic) => ({ ...nic, forwards: [] })) });

  await world.until("an address", ({ addresses }) => addresses.includes("10.0.2.15"));
  assert.match(await shell(driver, "uname -s"), /^Linux$/);
  const serial = await driver.openStream("serial", patience());
  let seen = "";
  serial.on("data", (chunk: Buffer) => (seen += chunk.toString("latin1")));
  await eventually("the guest's first line", () => /serai-tiny ready/.test(seen) || undefined);
  serial.write("echo $((6*7))x\n");
  await eventually("the answer to what was typed", () => /42x/.test(seen) || undefined);

  const ended = once(serial, "end");
  await driver.shutDown(patience());
  assert.equal(driver.sighting().state, "stopping");
  const absent = await world.until("the end", ({ state }) => state === "absent");
  assert.equal(absent.exit?.cause, "requested");
  await ended;
});

test("a guest without an agent obeys the power button", async () => {
  await using world = await DriverFixture.create();
  const driver = await world.open();
  await driver.launch(tinyPlan(world, { hasAgent: false }), patience());
  assert.equal(driver.sighting().agent, "none");
  let seen = "";
  (await driver.openStream("serial", patience())).on(
    "data",
    (chunk: Buffer) => (seen += chunk.toString("latin1")),
  );
  await eventually("the guest's shell", () => /# /.test(seen) || undefined);

  await eventually("the end", async () => {
    // The button does nothing before the guest has loaded its driver.
    if (driver.sighting().state === "absent") return true;
    await driver.shutDown(patience()).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 200));
    return undefined;
  });

  assert.equal(driver.sighting().exit?.cause, "requested");
});

test("a guest that shuts itself down is told so, also when no daemon was there", async () => {
  await using world = await DriverFixture.create();
  const driver = await boot(world);
  await shell(driver, "(sleep 1; poweroff -f) >/dev/null 2>&1 &");
  const ended = await world.until("the end", ({ state }) => state === "absent");
  assert.equal(ended.exit?.cause, "guest_shutdown");

  const again = await world.reopen();
  await again.launch(tinyPlan(world), patience());
  await world.until("the agent", ({ agent }) => agent === "answering");
  await shell(again, "(sleep 1; poweroff -f) >/dev/null 2>&1 &");
  await again.close();
  await eventually("the guest's shutdown, seen by nobody", async () =>
    (await guestStatus(world)) === "shutdown" ? true : undefined,
  );

  const later = await world.open();

  assert.equal(later.sighting().state, "absent");
  assert.equal(later.sighting().exit?.cause, "guest_shutdown");
});

test("a reboot from inside keeps the VM running, and its agent comes back", async () => {
  await using world = await DriverFixture.create();
  const driver = await boot(world);
  const { pid } = driver.sighting();
  await shell(driver, "touch /tmp/before; (sleep 1; reboot -f) >/dev/null 2>&1 &");
  await world.until("silence", ({ agent }) => agent === "silent");

  await world.until("the agent", ({ agent }) => agent === "answering");

  assert.equal(driver.sighting().pid, pid);
  assert.equal(await shell(driver, "ls /tmp/before 2>/dev/null || echo gone"), "gone");
});

test("a panic is trouble, survives the daemon, and is the cause when the VM is ended for it", async () => {
  await using world = await DriverFixture.create();
  const driver = await boot(world);
  await shell(driver, "(sleep 1; echo c > /proc/sysrq-trigger) >/dev/null 2>&1 &");
  await world.until("the trouble", ({ trouble }) => trouble?.kind === "guest_panic");

  const after = await world.reopen();
  assert.equal(after.sighting().trouble?.kind, "guest_panic");
  await after.kill(patience());

  assert.equal(after.sighting().exit?.cause, "guest_panic");
});

test("a panicked guest that is reset starts anew without trouble", async () => {
  await using world = await DriverFixture.create();
  const driver = await boot(world);
  await shell(driver, "(sleep 1; echo c > /proc/sysrq-trigger) >/dev/null 2>&1 &");
  await world.until("the trouble", ({ trouble }) => trouble !== undefined);

  await driver.reset(1, patience());

  assert.equal(driver.sighting().trouble, undefined);
  await world.until("the agent", ({ agent, state }) => agent === "answering" && state === "running");
});

test("a guest whose agent falls silent hangs, and that is the cause when the VM is ended for it", async () => {
  await using world = await DriverFixture.create({
    agentTiming: { firstRefreshMs: 200, refreshMs: 500, answerMs: 1_000, hangMs: 3_000 },
  });
  const driver = await boot(world);

  await shell(driver, "(sleep 1; killall -STOP qemu-ga) >/dev/null 2>&1 &");
  await world.until("the trouble", ({ trouble }) => trouble?.kind === "guest_hang");
  await driver.kill(patience());

  assert.equal(driver.sighting().exit?.cause, "guest_hang");
});

test("a suspended guest goes on with what it had in memory", async () => {
  await using world = await DriverFixture.create();
  const driver = await boot(world);
  await shell(driver, "echo remember > /tmp/memory");
  const uptime = Number.parseFloat(await shell(driver, "cat /proc/uptime"));

  await driver.suspend(patience());
  await driver.launch(tinyPlan(world), patience());

  await world.until("the agent", ({ agent }) => agent === "answering");
  assert.equal(await shell(driver, "cat /tmp/memory"), "remember");
  assert.ok(Number.parseFloat(await shell(driver, "cat /proc/uptime")) > uptime);
});

test("a VM with UEFI, two CPUs, a screen and every kind of disk boots, and its guest sees them", async () => {
  await using world = await DriverFixture.create({
    firmware: { uefiCode: "/usr/share/OVMF/OVMF_CODE_4M.fd", uefiVars: "/usr/share/OVMF/OVMF_VARS_4M.fd" },
  });
  const buses = ["virtio-blk", "virtio-scsi", "nvme", "sata"] as const;
  const disks = await Promise.all(
    buses.map(async (bus, index) => {
      const path = `${world.root}/disk${index}.raw`;
      await writeFile(path, "");
      await truncate(path, 16 * MiB);
      return { name: `d${index}`, bus, path, format: "raw" as const, isReadOnly: false };
    }),
  );
  const driver = await world.open();
  const kernel = tiny.files.kernelUefi?.path ?? "";
  const plan = tinyPlan(world, { firmware: "uefi", cpus: 2, display: "vga", memoryBytes: 256 * MiB });

  await driver.launch(
    {
      ...plan,
      disks,
      kernel: {
        path: kernel,
        ...(tiny.files.initrd && { initrdPath: tiny.files.initrd.path }),
        cmdline: tiny.cmdline ?? "",
      },
    },
    patience(),
  );

  await world.until("the agent", ({ agent }) => agent === "answering");
  assert.equal(await shell(driver, "grep -c ^processor /proc/cpuinfo"), "2");
  assert.equal(await shell(driver, "test -d /sys/firmware/efi && echo uefi"), "uefi");
  const blocks = (await shell(driver, "ls /sys/block")).split(/\s+/);
  for (const name of ["vda", "sda", "nvme0n1"])
    assert.ok(blocks.includes(name), `${name} among ${blocks.join(" ")}`);
});

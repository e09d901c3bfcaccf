import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ensureGuestImage } from "../images.ts";
import type { GuestImage } from "../manifest.ts";
import { BareQemu } from "./bare-qemu.ts";

// A busy machine takes two to three times as long as a quiet one.
const bootDeadlineMs = 240_000;

let image: GuestImage;
let dir: string;
before(async () => {
  image = await ensureGuestImage("debian-12", { onProgress: (line) => console.error(line) });
  dir = await mkdtemp(join(tmpdir(), "serai-guest-disk-"));
});
after(() => rm(dir, { recursive: true, force: true }));

/** A VM with a disk of its own on top of the image, a gigabyte larger than it. */
async function start(name: string, extra: readonly string[], signal: AbortSignal): Promise<BareQemu> {
  const { disk } = image.files;
  assert.ok(disk);
  const overlay = join(dir, `${name}.qcow2`);
  const size = String(disk.sizeBytes + 2 ** 30);
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", disk.path, overlay, size]);
  return BareQemu.start(
    [
      ...["-device", "virtio-rng-pci", "-netdev", "user,id=n0", "-device", "virtio-net-pci,netdev=n0"],
      ...["-blockdev", `qcow2,node-name=root,file.driver=file,file.filename=${overlay}`],
      ...["-device", "virtio-blk-pci,drive=root", "-device", "pvpanic-pci", ...extra],
    ],
    signal,
  );
}

async function report(name: string, what: string, vm: BareQemu): Promise<void> {
  const seconds = ((performance.now() - vm.startedAt) / 1000).toFixed(1);
  console.error(`debian-12 by ${name}: ${what} after ${seconds} s, ${await vm.cpuSeconds()} CPU-s`);
}

async function bootsToLogin(vm: BareQemu, name: string, signal: AbortSignal): Promise<void> {
  await vm.agent(signal);
  await report(name, "agent", vm);
  await vm.says(/ login: /, signal);
  await report(name, "login prompt", vm);
  const { output } = await vm.shell(
    "systemctl is-system-running --wait; systemctl --failed --no-legend",
    signal,
  );
  await report(name, "settled", vm);
  assert.equal(output, "running\n");
}

/** What a shell command prints in the guest. */
async function told(vm: BareQemu, script: string, signal: AbortSignal): Promise<string> {
  return (await vm.shell(script, signal)).output.trim();
}

test("debian-12 boots by BIOS with the least memory: grown, online, locked, and it obeys the power button", async () => {
  const signal = AbortSignal.timeout(bootDeadlineMs);
  await using vm = await start("bios", ["-m", String(image.minMemoryBytes / 2 ** 20)], signal);

  await bootsToLogin(vm, "BIOS", signal);

  assert.match(await told(vm, "cloud-init status", signal), /disabled/);
  assert.ok(
    Number(await told(vm, "df --output=size -BM / | tr -dc 0-9", signal)) > 3700,
    "the root has not grown",
  );
  assert.match(await told(vm, "ip -4 -o addr show scope global", signal), /inet 10\.0\.2\.15/);
  assert.match(
    await told(vm, "getent hosts localhost && grep ^nameserver /etc/resolv.conf", signal),
    /nameserver/,
  );
  assert.match(await told(vm, "cat /etc/ssh/ssh_host_ed25519_key.pub", signal), /^ssh-ed25519 /);
  assert.equal(await told(vm, "systemctl is-active ssh", signal), "active");
  assert.match(await told(vm, "cat /etc/machine-id", signal), /^[0-9a-f]{32}$/);
  assert.match(await told(vm, "getent shadow root | cut -d: -f2", signal), /^[!*]/);
  assert.equal(await told(vm, "grep -c ':/bin/bash$' /etc/passwd", signal), "1");

  await (await vm.monitor(signal)).call("system_powerdown", {}, signal);
  await vm.ends(signal);
  assert.equal(vm.exitCode, 0);
});

test("debian-12 boots by UEFI and does what a NoCloud seed says", async () => {
  const signal = AbortSignal.timeout(bootDeadlineMs);
  const seed = await makeSeed({
    "meta-data": "instance-id: i-1\nlocal-hostname: harbour\n",
    "user-data":
      "#cloud-config\nssh_authorized_keys: [ssh-ed25519 AAAATEST me]\nruncmd: ['touch /root/ran']\n",
  });
  const seedDisk = [
    "-blockdev",
    `file,node-name=seed,filename=${seed}`,
    "-device",
    "virtio-blk-pci,drive=seed",
  ];
  await using vm = await start(
    "uefi",
    ["-m", "512", "-bios", "/usr/share/ovmf/OVMF.fd", ...seedDisk],
    signal,
  );

  await bootsToLogin(vm, "UEFI with cloud-init", signal);

  assert.match(await told(vm, "cloud-init status --wait", signal), /done/);
  await report("UEFI with cloud-init", "cloud-init done", vm);
  assert.equal(await told(vm, "ls -d /sys/firmware/efi", signal), "/sys/firmware/efi");
  assert.equal(await told(vm, "hostname", signal), "harbour");
  assert.match(await told(vm, "cat /home/debian/.ssh/authorized_keys", signal), /AAAATEST me/);
  assert.equal(await told(vm, "ls /root/ran", signal), "/root/ran");
});

/** A FAT disk with the label that cloud-init looks for. */
async function makeSeed(files: Record<string, string>): Promise<string> {
  const seed = join(dir, "seed.img");
  execFileSync("truncate", ["-s", "2M", seed]);
  execFileSync("mformat", ["-i", seed, "-v", "CIDATA", "::"]);
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(dir, name), text);
    execFileSync("mcopy", ["-i", seed, join(dir, name), `::/${name}`]);
  }
  return seed;
}

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ensureGuestImage } from "../images.ts";
import type { GuestImage } from "../manifest.ts";
import { BareQemu } from "./bare-qemu.ts";

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
      ...[
        "-m",
        "512",
        "-device",
        "virtio-rng-pci",
        "-netdev",
        "user,id=n0",
        "-device",
        "virtio-net-pci,netdev=n0",
      ],
      ...["-blockdev", `qcow2,node-name=root,file.driver=file,file.filename=${overlay}`],
      ...["-device", "virtio-blk-pci,drive=root", "-device", "pvpanic-pci", ...extra],
    ],
    signal,
  );
}

async function report(name: string, what: string, vm: BareQemu): Promise<void> {
  const wallMs = performance.now() - vm.startedAt;
  console.error(
    `debian-12 ${name}: ${what} after ${(wallMs / 1000).toFixed(1)} s, ${await vm.cpuSeconds()} CPU-s`,
  );
}

async function bootsToLogin(name: string, extra: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(240_000);
  await using vm = await start(name, extra, signal);
  await vm.agent(signal);
  await report(name, "agent", vm);
  await vm.says(/ login: /, signal);
  await report(name, "login prompt", vm);

  const facts = await vm.shell(
    `systemctl is-system-running --wait; systemctl --failed --no-legend; cloud-init status
     [ -d /sys/firmware/efi ] && echo uefi || echo bios
     df --output=size -BM / | tail -1 | tr -dc 0-9; echo
     ip -4 -o addr show scope global | grep -o 'inet [0-9.]*'; cat /etc/resolv.conf | grep ^nameserver
     ls /etc/ssh/ssh_host_*_key; ss -ltn 2>/dev/null | grep -c ':22 '; wc -c </etc/machine-id
     getent shadow root | cut -d: -f2 | cut -c1`,
    signal,
  );
  await report(name, "settled", vm);
  console.error(
    (await vm.shell("systemd-analyze; systemd-analyze blame | head -25; lsmod | wc -l; free -m", signal))
      .output,
  );
  const lines = facts.output.split("\n");

  assert.equal(lines[0], "running", facts.output);
  assert.match(facts.output, /status: disabled/);
  assert.ok(lines.includes(extra.includes("-bios") ? "uefi" : "bios"), facts.output);
  const rootMib = Number(lines.find((line) => /^\d{4}$/.test(line)));
  assert.ok(rootMib > 3700, `the root file system did not grow: ${facts.output}`);
  assert.match(facts.output, /inet 10\.0\.2\.15/);
  assert.match(facts.output, /ssh_host_ed25519_key\n/);
  assert.match(facts.output, /\n33\n/);
  assert.match(facts.output, /\n[!*]\n$/);

  await (await vm.monitor(signal)).call("system_powerdown", {}, signal);
  await vm.ends(signal);
  assert.equal(vm.exitCode, 0);
}

test("debian-12 boots by BIOS to a login prompt, grown and healthy, and obeys the power button", () =>
  bootsToLogin("bios", []));

test("debian-12 boots by UEFI to a login prompt, grown and healthy, and obeys the power button", () =>
  bootsToLogin("uefi", ["-bios", "/usr/share/ovmf/OVMF.fd"]));

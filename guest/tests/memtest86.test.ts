import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { ensureGuestImage } from "../images.ts";
import type { GuestImage } from "../manifest.ts";
import { BareQemu, kernelArguments } from "./bare-qemu.ts";

let image: GuestImage;
before(async () => {
  image = await ensureGuestImage("memtest86", { onProgress: (line) => console.error(line) });
});

/** How much of a PPM picture is memtest's background; nothing else here is blue. */
function blueShare(picture: Buffer): number {
  const header = /^P6\s+\d+\s+\d+\s+255\s/.exec(picture.toString("latin1", 0, 40))?.[0];
  assert.ok(header, "QEMU wrote a PPM picture");
  const pixels = picture.subarray(header.length);
  let blue = 0;
  for (let at = 0; at + 2 < pixels.length; at += 3) {
    if (pixels[at] === 0 && pixels[at + 1] === 0 && (pixels[at + 2] ?? 0) > 128) blue += 1;
  }
  return (blue * 3) / pixels.length;
}

test("memtest86 tests memory and draws the same on the serial port and on the screen", async () => {
  const signal = AbortSignal.timeout(90_000);
  const dir = await mkdtemp(join(tmpdir(), "serai-screen-"));
  try {
    await using vm = await BareQemu.start(["-m", "128", "-device", "VGA", ...kernelArguments(image)], signal);

    const bannerMs = await vm.says(/Memtest86\+/, signal);
    console.error(`memtest86: banner ${bannerMs.toFixed(0)} ms, ${await vm.cpuSeconds()} CPU-s`);
    await vm.says(/Testing:/, signal);
    const screen = join(dir, "screen.ppm");
    const monitor = await vm.monitor(signal);
    let share = 0;
    while (share < 0.5) {
      await monitor.call("screendump", { filename: screen }, signal);
      share = blueShare(await readFile(screen));
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test("memtest86 starts under UEFI firmware too", async () => {
  const signal = AbortSignal.timeout(120_000);
  const { kernelUefi } = image.files;
  assert.ok(kernelUefi);
  const efi = { ...image, files: { kernel: kernelUefi } };
  await using vm = await BareQemu.start(
    ["-m", "256", "-device", "VGA", "-bios", "/usr/share/ovmf/OVMF.fd", ...kernelArguments(efi)],
    signal,
  );

  await vm.says(/Memtest86\+/, signal);
});

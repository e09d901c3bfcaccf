import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import type { Browser, Page } from "playwright-core";
import { ensureGuestImage } from "../../guest/images.ts";
import { launch } from "../../apps/console/e2e/browser.ts";
import { createVm, startDaemon, takeBuiltin, type TestDaemon, until } from "../harness/daemon.ts";

const { signal } = new AbortController();
let daemon: TestDaemon;
let browser: Browser;
let page: Page;

before(async () => {
  await ensureGuestImage("tiny", { signal });
  browser = await launch();
  daemon = await startDaemon();
  await takeBuiltin(daemon.client, "tiny");
  await createVm(daemon.client, {
    name: "looked-at",
    kernel: { image: "tiny" },
    memoryBytes: 256 * 1024 * 1024,
  });
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  page = await context.newPage();
  page.setDefaultTimeout(60_000);
});
after(async () => {
  await browser?.close();
  await daemon?.[Symbol.asyncDispose]();
});

test("a one-time link leads to the live list of the real daemon", async () => {
  const { code } = await daemon.client.call("createLoginLink", {}, signal);

  await page.goto(`${daemon.ready.apiUrl}/login#${code}`);

  await page.getByRole("link", { name: "looked-at" }).waitFor();
});

test("the terminal talks to the guest's shell", async () => {
  await until("the agent", 120_000, async () => {
    const vm = await daemon.client.call("getVm", { params: { vm: "looked-at" } }, signal);
    return vm.agent === "answering" ? true : undefined;
  });
  await page.getByRole("link", { name: "looked-at" }).click();
  await page.getByRole("tab", { name: "Terminal" }).click();
  await page.getByText("Connected to the first serial port").waitFor();

  await page.locator(".xterm-helper-textarea").focus();
  await page.keyboard.type("echo $((6*7))-from-guest\n");

  await page.locator(".xterm-rows").getByText("42-from-guest").first().waitFor();
});

test("the screen shows the guest's picture", async () => {
  await page.getByRole("tab", { name: "Screen" }).click();

  const canvas = page.locator("canvas").first();
  await canvas.waitFor();
  await until("a picture that is not one colour", 60_000, async () => {
    const colours = await canvas.evaluate(
      (element: { width: number; height: number; getContext(kind: "2d"): unknown }) => {
        const context = element.getContext("2d") as {
          getImageData(x: number, y: number, w: number, h: number): { data: Uint8ClampedArray };
        };
        const { data } = context.getImageData(0, 0, element.width, element.height);
        const seen = new Set<string>();
        for (let at = 0; at < data.length; at += 4) seen.add(`${data[at]},${data[at + 1]},${data[at + 2]}`);
        return seen.size;
      },
    );
    return colours > 1 ? true : undefined;
  });
});

test("a guest stopped elsewhere is seen to stop at once", async () => {
  await daemon.client.call("stopVm", { params: { vm: "looked-at" }, body: { force: true } }, signal);

  await page.getByText("Stopped").first().waitFor();
  assert.equal((await daemon.client.call("getVm", { params: { vm: "looked-at" } }, signal)).state, "absent");
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { assertAccessible, goInside, launch, open } from "./browser.ts";
import { startMockServer, type MockServer } from "./mock-server.ts";
import { decorate } from "./sample-world.ts";

let browser: Browser;
let server: MockServer;
let vm: string;

before(async () => {
  browser = await launch();
  server = await startMockServer();
  decorate(server.api);
  vm = [...server.api.state.objects.vm.keys()][0] ?? "";
  const target = { kind: "vm" as const, id: vm, name: "web-1" };
  server.api.state.begin("vm.change", target, []);
});
after(async () => {
  await browser.close();
  await server[Symbol.asyncDispose]();
});

const pages: readonly (readonly [path: () => string, heading: string])[] = [
  [() => "/login", "Log in to Serai"],
  [() => "/vms", "Virtual machines"],
  [() => "/vms/create?image=debian-12", "Create a VM"],
  [() => `/vms/${vm}`, "web-1"],
  [() => `/vms/${vm}?tab=terminal`, "web-1"],
  [() => `/vms/${vm}?tab=screen`, "web-1"],
  [() => `/vms/${vm}?tab=devices`, "web-1"],
  [() => `/vms/${vm}?tab=events`, "web-1"],
  [() => `/vms/${vm}?tab=operations`, "web-1"],
  [() => `/vms/${vm}?tab=settings`, "web-1"],
  [() => "/images", "Images"],
  [() => "/networks", "Networks"],
  [() => "/operations", "Operations"],
  [() => "/events", "Events"],
  [() => "/host", "node-a"],
  [() => "/tokens", "API tokens"],
  [() => "/about", "About and help"],
];

test("axe finds nothing on any page, in light and in dark", async () => {
  const { page, context, problems } = await open(browser, `${server.url}/login`);
  for (const [path, heading] of pages) {
    await goInside(page, path());
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    if (path() !== "/login") await page.locator(".connection.is-live").first().waitFor();
    await page.locator(".loading").waitFor({ state: "detached" });
    await assertAccessible(page, path());
    await takePictures(page, path());
  }
  assert.deepEqual(problems, []);
  await context.close();
});

/** For whoever works on the looks: SERAI_PICTURES names a folder. */
async function takePictures(page: Page, path: string): Promise<void> {
  const folder = process.env["SERAI_PICTURES"];
  if (folder === undefined) return;
  await page.waitForTimeout(4_500);
  for (const colorScheme of ["dark", "light"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(folder, `${colorScheme}${path.replace(/[^a-z-]+/g, "_")}.png`) });
  }
}

test("axe finds nothing in menus and dialogs", async () => {
  const { page, context } = await open(browser, `${server.url}/vms`);
  await page.getByRole("button", { name: "Actions for web-1" }).click();
  await page.getByRole("menuitem", { name: "Force stop" }).waitFor();
  await assertAccessible(page, "row menu");
  await page.getByRole("menuitem", { name: "Delete" }).click();
  await page.getByRole("dialog").waitFor();
  await assertAccessible(page, "delete dialog");
  await page.keyboard.press("Escape");
  await page.getByRole("checkbox", { name: "Select web-1" }).check();
  await assertAccessible(page, "selection");
  for (const name of ["Pull image", "Upload"]) {
    await page.goto(`${server.url}/images`);
    await page.getByRole("button", { name }).click();
    await page.getByRole("dialog").waitFor();
    await assertAccessible(page, `${name} dialog`);
  }
  await context.close();
});

test("on a phone nothing is wider than the screen", async () => {
  const { page, context } = await open(browser, `${server.url}/vms`, { width: 390 });
  for (const [path, heading] of pages) {
    await goInside(page, path());
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(excess <= 0, `${path()} is ${excess} px too wide`);
  }
  await assertAccessible(page, "about, narrow");
  await context.close();
});

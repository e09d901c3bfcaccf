import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { VmView } from "@serai/api-contract/schemas";
import type { Browser, Page } from "playwright-core";
import { launch, open, until } from "./browser.ts";
import { startMockServer, type MockServer } from "./mock-server.ts";

let browser: Browser;
let server: MockServer;

before(async () => {
  browser = await launch();
  server = await startMockServer();
});
after(async () => {
  await browser.close();
  await server[Symbol.asyncDispose]();
});

function vmNamed(name: string): VmView {
  const vm = [...server.api.state.objects.vm.values()].find((one) => one.name === name);
  assert.ok(vm, name);
  return vm;
}

const openVm = (name: string, tab = "overview") =>
  open(browser, `${server.url}/vms/${vmNamed(name).id}?tab=${tab}`);
const header = (page: Page) => page.locator(".page-header");

test("power actions follow the state, and show what is under way", async () => {
  const { page, context, problems } = await openVm("web-00001");
  await header(page).getByText("Running").waitFor();
  assert.equal(await page.getByRole("button", { name: "Start", exact: true }).count(), 0);

  await page.getByRole("button", { name: "Pause" }).click();
  await header(page).getByText("Paused").waitFor();
  await page.getByRole("button", { name: "Resume" }).click();
  await header(page).getByText("Running").waitFor();
  await page.getByRole("button", { name: "Shut down" }).click();
  await page
    .getByText(/^Stopping/)
    .first()
    .waitFor();
  await header(page).getByText("Stopped").waitFor();
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await header(page).getByText("Running").waitFor();

  assert.deepEqual(problems, []);
  await context.close();
});

test("a forced stop asks first, and nothing happens when it is declined", async () => {
  const { page, context } = await openVm("web-00001");

  await page.getByRole("button", { name: "Force stop" }).click();
  await page.getByRole("dialog").getByText("not yet written to its disks is lost").waitFor();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();

  assert.equal(vmNamed("web-00001").power, "running");
  await context.close();
});

test("the tabs show devices, events and operations of this VM alone", async () => {
  const { page, context } = await openVm("web-00001");

  await page.getByRole("tab", { name: "Devices" }).click();
  await page.getByRole("cell", { name: "virtio-blk" }).waitFor();
  await page.getByText("127.0.0.1:2222 → 22").waitFor();
  await page.getByRole("tab", { name: "Events" }).click();
  await page.getByText("web-00001: start is done.").waitFor();
  await page.getByRole("tab", { name: "Operations" }).click();
  await page.getByRole("rowheader", { name: "Pause VM" }).first().waitFor();

  assert.match(page.url(), /tab=operations/);
  await context.close();
});

test("trouble, faults and exits are explained in words", async () => {
  const at = new Date().toISOString();
  const vm = vmNamed("database-00002");
  const { page, context } = await openVm("database-00002");

  server.api.state.put("vm", { ...vm, trouble: { kind: "guest_panic", at } });
  await page.getByText("The guest's kernel has panicked.").waitFor();
  const exit = { cause: "host_oom", at, generation: 3, detail: "QEMU had 2 GiB." };
  server.api.state.put("vm", { ...vm, state: "absent", power: "stopped", exit });
  await page.getByText("The host ran out of memory").first().waitFor();
  const fault = { code: "vm.start_failed" as const, message: "QEMU ended: port 2222 is taken." };
  server.api.state.put("vm", { ...vm, state: "absent", fault });
  await page.getByText("QEMU ended: port 2222 is taken.").waitFor();

  server.api.state.put("vm", vm);
  await context.close();
});

test("settings: a wrong number is refused at its field, a right one is saved", async () => {
  const { page, context } = await openVm("web-00005", "settings");

  await page.getByLabel("CPUs").fill("99");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("A whole number from 1 to 64.").waitFor();
  await page.getByLabel("CPUs").fill("3");
  await page.getByLabel("Description").fill("Changed here");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Changed: web-00005").waitFor();

  assert.equal(vmNamed("web-00005").cpus, 3);
  assert.equal(vmNamed("web-00005").description, "Changed here");
  await context.close();
});

test("deleting needs the VM's name typed, and ends in its absence", async () => {
  const { page, context } = await openVm("build-00004", "settings");

  await page.getByRole("button", { name: "Delete this VM" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("textbox").fill("build-0000");
  assert.equal(await dialog.getByRole("button", { name: "Delete VM" }).isDisabled(), true);
  await dialog.getByRole("textbox").fill("build-00004");
  await dialog.getByRole("button", { name: "Delete VM" }).click();

  await page.getByRole("heading", { name: "This VM is not there" }).waitFor();
  assert.equal(
    [...server.api.state.objects.vm.values()].some((vm) => vm.name === "build-00004"),
    false,
  );
  await context.close();
});

test("the serial terminal shows what the guest sends and sends what is typed", async () => {
  const { page, context, problems } = await openVm("web-00001", "terminal");

  await page.getByText("Connected to the first serial port").waitFor();
  await until("the prompt", async () =>
    (await page.locator(".xterm-rows").innerText()).includes("mock login:"),
  );
  await page.keyboard.type("root");
  await until("the echo", async () =>
    (await page.locator(".xterm-rows").innerText()).includes("mock login: root"),
  );

  assert.equal(server.typed, "root");
  await page.keyboard.press("Shift+Escape");
  assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Clear");
  assert.deepEqual(problems, []);
  await context.close();
});

test("the screen is drawn, and Ctrl-Alt-Del reaches the guest", async () => {
  const { page, context, problems } = await openVm("web-00001", "screen");

  await page.getByText("Connected", { exact: true }).waitFor();
  const colour = () =>
    page
      .locator(".screen canvas")
      .evaluate((canvas: HTMLCanvasElement) => [
        ...(canvas.getContext("2d")?.getImageData(9, 9, 1, 1).data ?? []),
      ]);
  await until("the picture", async () => String(await colour()) === "170,102,34,255");
  await page.getByRole("button", { name: "Ctrl-Alt-Del" }).click();

  await until("the keys", () => server.keys.length >= 3);
  assert.deepEqual(server.keys.slice(0, 3), [0xffe3, 0xffe9, 0xffff]);
  assert.deepEqual(problems, []);
  await context.close();
});

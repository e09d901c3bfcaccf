import assert from "node:assert/strict";
import { after, before, test } from "node:test";
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

const row = (page: Page, name: string) => page.locator(`tr[data-vm="${name}"]`);
const vmNamed = (name: string) => {
  const vm = [...server.api.state.objects.vm.values()].find((one) => one.name === name);
  assert.ok(vm, name);
  return vm;
};

test("the list follows the server without being asked", async () => {
  const { page, context, problems } = await open(browser, `${server.url}/vms`);
  await row(page, "web-00001").waitFor();

  server.api.state.put("vm", { ...vmNamed("web-00001"), state: "paused" });
  await row(page, "web-00001").getByText("Paused").waitFor();
  const { id } = vmNamed("worker-00003");
  server.api.state.remove("vm", id);
  await row(page, "worker-00003").waitFor({ state: "detached" });

  assert.deepEqual(problems, []);
  await context.close();
});

test("search, label and state narrow the list, and stay in the address", async () => {
  const { page, context } = await open(browser, `${server.url}/vms`);
  const search = page.getByRole("textbox", { name: "Search the virtual machines" });
  await row(page, "web-00005").waitFor();

  await page.keyboard.press("/");
  await page.keyboard.type("tier=database");
  await row(page, "web-00005").waitFor({ state: "detached" });
  assert.equal(await page.locator("tr[data-vm]").count(), 3);
  assert.equal(new URL(page.url()).searchParams.get("q"), "tier=database");

  await search.fill("");
  await page.getByRole("button", { name: /^Stopped/ }).click();
  await row(page, "web-00005").waitFor({ state: "detached" });
  for (const shown of await page.locator("tr[data-vm] .col-state").allInnerTexts())
    assert.equal(shown.trim(), "Stopped");

  await search.fill("nothing-like-this");
  await page.getByText("No VM matches").waitFor();
  await page.getByRole("button", { name: "Clear the filters" }).click();
  await row(page, "web-00005").waitFor();
  await context.close();
});

test("a column sorts both ways and says so", async () => {
  const { page, context } = await open(browser, `${server.url}/vms`);
  await row(page, "web-00005").waitFor();
  const header = page.getByRole("columnheader", { name: "Memory" });

  await page.getByRole("button", { name: "Memory" }).click();
  assert.equal(await header.getAttribute("aria-sort"), "ascending");
  await page.getByRole("button", { name: "Memory" }).click();

  assert.equal(await header.getAttribute("aria-sort"), "descending");
  assert.match(await page.locator("tr[data-vm]").first().innerText(), /4 GiB/);
  await context.close();
});

test("selected VMs are started together; those that run are left alone", async () => {
  const { page, context } = await open(browser, `${server.url}/vms`);
  await row(page, "web-00005").waitFor();
  const stopped = [...server.api.state.objects.vm.values()]
    .filter((vm) => vm.state === "absent")
    .map((vm) => vm.name);
  assert.ok(stopped.length > 1);

  await page.getByRole("checkbox", { name: /^Select all/ }).check();
  await page.getByRole("button", { name: `Start (${stopped.length})` }).click();

  await page.getByText(`Start: asked for ${stopped.length} of ${stopped.length} VMs`).waitFor();
  for (const name of stopped) await row(page, name).getByText("Running").waitFor();
  assert.equal(server.requests.filter((request) => request.endsWith("/start")).length, stopped.length);
  await context.close();
});

test("an empty host says what to do first", async () => {
  await using empty = await startMockServer({ vmCount: 0 });
  const { page, context } = await open(browser, `${empty.url}/`);

  await page.getByRole("heading", { name: "No VMs yet" }).waitFor();
  await page.getByRole("link", { name: "Create VM" }).last().click();

  await page.getByRole("heading", { name: "Create a VM" }).waitFor();
  await context.close();
});

test("10,000 VMs: few rows in the document, and the last one is reached by scrolling", async () => {
  await using large = await startMockServer({ vmCount: 10_000 });
  const { page, context, problems } = await open(browser, `${large.url}/vms`);
  await page.getByRole("button", { name: /^All\s*10000/ }).waitFor({ timeout: 30_000 });
  const rows = () => page.locator("tr[data-vm]").count();
  assert.ok((await rows()) < 60, `${await rows()} rows`);

  const scroller = page.locator(".vm-scroller");
  const startMs = Date.now();
  await scroller.evaluate((element) => (element.scrollTop = element.scrollHeight));
  await row(page, "worker-09999").waitFor();
  const scrolledMs = Date.now() - startMs;

  assert.ok((await rows()) < 60, `${await rows()} rows`);
  assert.equal(await page.getByRole("table").getAttribute("aria-rowcount"), "10001");
  assert.ok(scrolledMs < 3_000, `${scrolledMs} ms to the end`);

  await page.getByRole("textbox", { name: "Search the virtual machines" }).fill("web-05001");
  await until("one row", async () => (await rows()) === 1);
  assert.deepEqual(problems, []);
  await context.close();
});

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
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

const first = () => {
  const [vm] = server.api.state.objects.vm.values();
  assert.ok(vm);
  return vm;
};

test("a lost server is said at once, and its changes are caught up with when it is back", async () => {
  const { page, context } = await open(browser, `${server.url}/vms`);
  await page.locator('tr[data-vm="web-00001"]').waitFor();

  server.isDown = true;
  await page.getByText("Disconnected: what you see may be out of date").waitFor();
  assert.equal(await page.locator('tr[data-vm="web-00001"]').count(), 1);
  const vm = first();
  server.api.state.put("vm", { ...vm, state: "suspended", power: "suspended" });
  const lists = () => server.requests.filter((request) => request === "GET /v1/vms").length;
  const before = lists();
  server.isDown = false;
  await page.getByRole("button", { name: "Try now" }).click();

  await page.locator('tr[data-vm="web-00001"]').getByText("Suspended").waitFor();
  await page.locator(".connection.is-live").waitFor();
  assert.ok(lists() - before <= 1, "it resumes from its revision instead of listing again and again");
  server.api.state.put("vm", vm);
  await context.close();
});

test("a refusal is shown in the server's words", async () => {
  const { page, context } = await open(browser, `${server.url}/vms/${first().id}`);
  server.refuse("POST", `/v1/vms/${first().id}/pause`, {
    status: 409,
    code: "vm.wrong_state",
    detail: "web-00001 is being migrated; wait until it has arrived.",
  });

  await page.getByRole("button", { name: "Pause" }).click();

  await page.getByText("web-00001 is being migrated; wait until it has arrived.").waitFor();
  await context.close();
});

test("a refused field leads to its place in the wizard", async () => {
  const { page, context } = await open(browser, `${server.url}/vms/create?image=debian-12`);
  await page.locator("#name").fill("fine");
  for (let step = 0; step < 3; step++) await page.getByRole("button", { name: "Next" }).click();
  const issues = [{ path: "memoryBytes", problem: "is more than this host has", allowed: "up to 4 GiB" }];
  server.refuse("POST", "/v1/vms", {
    status: 400,
    code: "vm.spec_invalid",
    detail: "memoryBytes is more than this host has.",
    details: { issues },
  });

  await page.getByRole("button", { name: "Create and start" }).click();

  await page.getByText("This is more than this host has; allowed: up to 4 GiB.").waitFor();
  assert.equal(await page.getByLabel("Memory").getAttribute("aria-invalid"), "true");
  await context.close();
});

test("an operation that fails later is notified of, with a way to its VM", async () => {
  const { page, context } = await open(browser, `${server.url}/events`);
  await page.locator(".connection.is-live").waitFor();
  const { id, name } = first();
  const operation = server.api.state.begin("vm.start", { kind: "vm", id, name }, []);
  const fault = { code: "host.no_capacity" as const, message: "memory: 2048 MiB asked, 96 MiB missing" };
  // The page must have seen it begin: only what fails in front of one's eyes is news.
  await until("the count", async () =>
    (await page.getByRole("link", { name: /Operations/ }).innerText()).includes("1"),
  );

  server.api.state.put("operation", {
    ...operation,
    phase: "failed",
    fault,
    endedAt: new Date().toISOString(),
  });

  await page.getByText(`Start VM failed: ${name}`).waitFor();
  await page.getByText(fault.message).waitFor();
  await page.getByRole("link", { name: "Show the VM" }).click();
  await page.getByRole("heading", { name }).waitFor();
  await context.close();
});

test("an operation under way can be cancelled", async () => {
  const { page, context } = await open(browser, `${server.url}/operations`);
  const { id, name } = first();
  const operation = server.api.state.begin("vm.suspend", { kind: "vm", id, name }, []);
  server.api.state.put("operation", {
    ...operation,
    phase: "running",
    progress: 0.4,
    note: "writing memory",
  });

  await page.getByRole("button", { name: `Cancel Suspend VM of ${name}` }).click();

  await page.locator(`tr[data-operation="${operation.id}"]`).getByText("Cancelled").waitFor();
  await context.close();
});

test("a server that was never there is named as the reason", async () => {
  const { page, context } = await open(browser, `${server.url}/login`);
  server.isDown = true;

  await page.getByLabel("Login link or code").fill("x".repeat(43));
  await page.getByRole("button", { name: "Log in" }).click();

  await page.getByText("The server does not answer").waitFor();
  server.isDown = false;
  await context.close();
});

test("an unknown address says so", async () => {
  const { page, context } = await open(browser, `${server.url}/no/such/page`);

  await page.getByRole("heading", { name: "There is no such page" }).waitFor();
  await context.close();
});

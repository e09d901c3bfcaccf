import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { assertAccessible, launch, open } from "./browser.ts";
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

test("a network is created, shown and deleted", async () => {
  const { page, context, problems } = await open(browser, `${server.url}/networks`);
  await page.getByText("No networks").waitFor();

  await page.getByRole("button", { name: "Create network" }).click();
  await assertAccessible(page, "the dialog");
  await page.getByLabel("Name").fill("lan");
  await page.getByLabel("IPv4 subnet").fill("10.20.0.0/24");
  await page.getByRole("dialog").getByRole("button", { name: "Create network" }).click();
  const row = page.getByRole("row", { name: /lan/ });
  await row.getByText("10.20.0.0/24").waitFor();
  await assertAccessible(page, "/networks");

  await row.getByRole("button", { name: "Delete lan" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete network" }).click();
  await page.getByText("No networks").waitFor();

  assert.deepEqual(problems, []);
  await context.close();
});

test("what is refused is said in the dialog, which stays open", async () => {
  const { page, context } = await open(browser, `${server.url}/networks`);
  await page.getByRole("button", { name: "Create network" }).click();

  await page.getByLabel("Name").fill("Not A Name");
  await page.getByRole("dialog").getByRole("button", { name: "Create network" }).click();

  await page.getByText("The network was not made").waitFor();
  assert.equal(server.api.state.networks.size, 0);
  await context.close();
});

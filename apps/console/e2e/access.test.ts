import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mockLoginCode } from "@serai/api-contract/mock-api";
import type { Browser } from "playwright-core";
import { launch, open, until } from "./browser.ts";
import { startMockServer, type MockServer } from "./mock-server.ts";

let browser: Browser;
let server: MockServer;

before(async () => {
  browser = await launch();
  server = await startMockServer({ needsLogin: true });
});
after(async () => {
  await browser.close();
  await server[Symbol.asyncDispose]();
});

test("a one-time link logs in and leaves no code in the address", async () => {
  const { page, context, problems } = await open(browser, `${server.url}/login#code=${mockLoginCode}`);

  await page.getByRole("link", { name: "web-00001" }).waitFor();

  assert.equal(new URL(page.url()).pathname, "/vms");
  assert.equal(new URL(page.url()).hash, "");
  assert.deepEqual(problems, []);
  await context.close();
});

test("without a session every page leads to the login, and back after it", async () => {
  const { page, context } = await open(browser, `${server.url}/host`);
  await page.waitForURL("**/login?next=*");

  await page.getByLabel("Login link or code").fill(`${server.url}/login#${mockLoginCode}`);
  await page.getByRole("button", { name: "Log in" }).click();

  await page.getByRole("heading", { name: "node-a" }).waitFor();
  assert.equal(new URL(page.url()).pathname, "/host");
  await context.close();
});

test("a used code is refused in words, and an incomplete one is not sent", async () => {
  const { page, context } = await open(browser, `${server.url}/login#code=${"x".repeat(43)}`);

  await page.getByText("it was used already").waitFor();
  await page.getByLabel("Login link or code").fill("short");
  await page.getByText("neither a login link nor a complete code").waitFor();

  assert.equal(await page.getByRole("button", { name: "Log in" }).isDisabled(), true);
  await context.close();
});

test("a foreign address is not followed after the login", async () => {
  const { page, context } = await open(
    browser,
    `${server.url}/login?next=//example.org/#code=${mockLoginCode}`,
  );

  await page.getByRole("link", { name: "web-00001" }).waitFor();

  assert.equal(new URL(page.url()).origin, server.url);
  await context.close();
});

test("logging out ends the session", async () => {
  const { page, context } = await open(browser, `${server.url}/login#code=${mockLoginCode}`);

  await page.getByRole("button", { name: "admin" }).click();
  await page.getByRole("menuitem", { name: "Log out" }).click();

  await page.getByRole("heading", { name: "Log in to Serai" }).waitFor();
  assert.ok(server.requests.includes("POST /v1/logout"));
  await context.close();
});

test("a session that ends meanwhile leads to the login page", async () => {
  const { page, context } = await open(browser, `${server.url}/login#code=${mockLoginCode}`);
  await page.getByRole("link", { name: "web-00001" }).waitFor();

  await context.clearCookies();
  server.isDown = true;
  server.isDown = false;

  await until("the login page", () => page.url().includes("/login"), 15_000);
  await context.close();
});

test("a token's secret is shown once; revoking asks first", async () => {
  const { page, context } = await open(browser, `${server.url}/login#code=${mockLoginCode}`);
  await page.getByRole("link", { name: "API tokens" }).click();

  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByRole("textbox", { name: "Name" }).fill("backup script");
  await page.getByRole("dialog").getByRole("button", { name: "Create token" }).click();
  await page.getByText("Copy it now").waitFor();
  assert.equal(await page.getByLabel("The token's secret").inputValue(), "serai_mock");
  await page.getByRole("button", { name: "Done" }).click();

  await page.getByRole("button", { name: "Revoke ci" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await until("the request", () =>
    server.requests.some((request) => request.startsWith("DELETE /v1/tokens/")),
  );
  await context.close();
});

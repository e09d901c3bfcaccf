import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { launch, open, until } from "./browser.ts";
import { startMockServer, type MockServer } from "./mock-server.ts";

let browser: Browser;
let server: MockServer;

before(async () => {
  browser = await launch();
  server = await startMockServer({ vmCount: 3 });
});
after(async () => {
  await browser.close();
  await server[Symbol.asyncDispose]();
});

test("the wizard makes a VM and starts it", async () => {
  const { page, context, problems } = await open(browser, `${server.url}/vms`);
  await page.getByRole("link", { name: "Create VM" }).click();

  await page.getByRole("radio", { name: /debian-12/ }).check();
  await page.getByLabel("Name", { exact: false }).first().fill("shop-1");
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByLabel("CPUs").fill("2");
  await page.getByLabel("Memory").fill("1024");
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("button", { name: "Forward a port" }).click();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("tcp 2222 → 22").waitFor();
  await page.getByRole("button", { name: "Create and start" }).click();

  await page.getByRole("heading", { name: "shop-1" }).waitFor();
  await page.locator(".page-header").getByText("Running").waitFor();
  const vm = [...server.api.state.objects.vm.values()].find(({ name }) => name === "shop-1");
  assert.equal(vm?.cpus, 2);
  assert.equal(vm?.memoryBytes, 1024 ** 3);
  assert.deepEqual(vm?.nics[0]?.forwards, [{ protocol: "tcp", hostPort: 2222, guestPort: 22 }]);
  assert.deepEqual(problems, []);
  await context.close();
});

test("wrong fields are named where they stand, by the API's own schema", async () => {
  const { page, context } = await open(browser, `${server.url}/vms/create`);

  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("Choose an image.").waitFor();
  await page.getByRole("radio", { name: /debian-12/ }).check();
  await page.locator("#name").fill("Not A Host Name");
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByText("Use 1 to 63 of a-z, 0-9 and -").waitFor();
  assert.equal(await page.locator("#name").getAttribute("aria-invalid"), "true");
  await page.locator("#name").fill("good");
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByLabel("Memory").fill("8");
  await page.getByRole("button", { name: "Next" }).click();

  await page.getByText("A whole number of MiB, from 16 MiB to 1 TiB.").waitFor();
  await context.close();
});

test("what only the server knows leads back to its field", async () => {
  const { page, context } = await open(browser, `${server.url}/vms/create?image=debian-12`);

  await page.locator("#name").fill("web-00001");
  for (let step = 0; step < 3; step++) await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("button", { name: "Create and start" }).click();

  await page.getByText("There is a VM named web-00001 already").first().waitFor();
  assert.equal(await page.locator("#name").getAttribute("aria-invalid"), "true");
  await context.close();
});

test("an image is pulled from the catalogue with progress", async () => {
  const { page, context } = await open(browser, `${server.url}/images`);

  await page.getByRole("button", { name: "Pull image" }).click();
  await page.getByRole("radio", { name: /Debian 12/ }).check();
  await page.getByLabel("Name here").fill("debian-fresh");
  await page.getByRole("dialog").getByRole("button", { name: "Pull image" }).click();

  const row = page.locator('tr[data-image="debian-fresh"]');
  await row.getByText("Receiving").waitFor();
  await row.getByText("Ready").waitFor();
  await context.close();
});

test("a file is uploaded; an interrupted upload goes on by itself", async () => {
  const { page, context } = await open(browser, `${server.url}/images`);
  server.uploadedBytes = 0;

  await page.getByRole("button", { name: "Upload" }).click();
  const buffer = Buffer.concat([Buffer.from("QFI\xfb", "latin1"), Buffer.alloc(200_000)]);
  await page
    .getByLabel("File")
    .setInputFiles({ name: "My Disk.qcow2", mimeType: "application/octet-stream", buffer });
  await until("its name", async () => (await page.locator("#image-name").inputValue()) === "my-disk");
  assert.equal(await page.getByLabel("Format").inputValue(), "qcow2");
  server.refuse("PUT", "*", { status: 503, code: "store.unavailable", detail: "The store does not answer." });
  await page.getByRole("dialog").getByRole("button", { name: "Upload" }).click();
  await page.getByText("The store does not answer. It goes on by itself.").waitFor();
  assert.equal(server.uploadedBytes, 0);

  await until("all of it", () => server.uploadedBytes > 100_000);
  await page.locator('tr[data-image="my-disk"]').getByText("Ready").waitFor();
  await context.close();
});

test("an image in use cannot be deleted, another is after a question", async () => {
  const { page, context } = await open(browser, `${server.url}/images`);
  assert.equal(await page.getByRole("button", { name: "Delete debian-12" }).isDisabled(), true);

  await page.getByRole("button", { name: "Delete tiny" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete image" }).click();

  await page.locator('tr[data-image="tiny"]').waitFor({ state: "detached" });
  await context.close();
});

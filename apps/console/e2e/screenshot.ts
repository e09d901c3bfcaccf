// Takes docs/images/console.png. Usage: screenshot.ts [BASE_URL LOGIN_CODE [PATH]]; without a server, of the mock.
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { launch } from "./browser.ts";
import { startMockServer } from "./mock-server.ts";
import { decorate } from "./sample-world.ts";

const target = join(import.meta.dirname, "../../../docs/images/console.png");
const [givenUrl, code, path = "/vms"] = process.argv.slice(2);

await using stack = new AsyncDisposableStack();
let url = givenUrl;
if (url === undefined) {
  const server = stack.use(await startMockServer());
  decorate(server.api);
  url = server.url;
}
const browser = stack.adopt(await launch(), (opened) => opened.close());
const context = await browser.newContext({
  viewport: { width: 1440, height: 900 },
  ignoreHTTPSErrors: true,
  colorScheme: "light",
});
const page = await context.newPage();
if (code !== undefined) {
  await page.goto(`${url}/login#code=${code}`);
  await page.waitForURL("**/vms");
}
await page.goto(`${url}${path}`);
await page.locator(".connection.is-live").first().waitFor();
// Two samples make the first rates.
await page.waitForTimeout(5_000);
mkdirSync(dirname(target), { recursive: true });
await page.screenshot({ path: target });

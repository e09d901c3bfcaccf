import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, globSync, statSync } from "node:fs";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

const room = join(import.meta.dirname, "..");
const executablePath = process.env["SERAI_CHROMIUM"] ?? "/usr/bin/chromium";
const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Builds the console unless what was built is newer than all of its sources. */
function ensureBuilt(): void {
  const built = join(room, "dist/index.html");
  const sources = globSync(["src/**/*", "public/*", "index.html", "vite.config.ts"], { cwd: room });
  const newestMs = Math.max(...sources.map((path) => statSync(join(room, path)).mtimeMs));
  if (existsSync(built) && statSync(built).mtimeMs > newestMs) return;
  const vite = join(room, "../../node_modules/vite/bin/vite.js");
  execFileSync(process.execPath, [vite, "build", "--logLevel", "error"], { cwd: room, stdio: "inherit" });
}

export async function launch(): Promise<Browser> {
  ensureBuilt();
  if (!existsSync(executablePath))
    throw new Error(`There is no ${executablePath}: install chromium, or name one in SERAI_CHROMIUM.`);
  return chromium.launch({ executablePath, args: flags });
}

export type OpenPage = { page: Page; context: BrowserContext; problems: string[] };

/** A fresh profile at this address. `problems` collects what the page complains of: errors, refused content. */
export async function open(
  browser: Browser,
  url: string,
  options: { width?: number } = {},
): Promise<OpenPage> {
  const context = await browser.newContext({
    colorScheme: "light",
    viewport: { width: options.width ?? 1440, height: 900 },
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    // A failed request is what some tests are about; the browser logs those by itself.
    if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(message.text()))
      problems.push(message.text());
  });
  await page.goto(url);
  return { page, context, problems };
}

type Violations = Awaited<ReturnType<AxeBuilder["analyze"]>>["violations"];

const runAxe = (page: Page, options: string): Promise<Violations> =>
  page.evaluate<Violations>(`axe.run({ ${options} }).then(({ violations }) => violations)`);

/**
 * Fails with what axe found, each with the place it found it at: all rules in light colours, and in dark ones
 * again those about colour, which alone can differ.
 */
export async function assertAccessible(page: Page, name: string): Promise<void> {
  // Its builder brings axe into the page; asking the page directly is then several times faster.
  if (!(await page.evaluate("'axe' in window"))) await new AxeBuilder({ page }).setLegacyMode(true).analyze();
  const light = await runAxe(page, "resultTypes: ['violations']");
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await runAxe(page, "runOnly: ['color-contrast', 'link-in-text-block']");
  await page.emulateMedia({ colorScheme: "light" });
  const found = [...light, ...dark].flatMap(({ id, help, nodes }) =>
    nodes.map((node) => `${id}: ${help}: ${node.target.join(" ")}: ${node.failureSummary}`),
  );
  assert.deepEqual(found, [], `axe on ${name}`);
}

/** Goes to another page of the console without loading it anew, as its links do. */
export async function goInside(page: Page, path: string): Promise<void> {
  const to = JSON.stringify(path);
  await page.evaluate(`history.pushState({}, "", ${to}); dispatchEvent(new PopStateEvent("popstate"));`);
}

/** Waits until `look` answers true; fails with `what` at the deadline. */
export async function until(
  what: string,
  look: () => boolean | Promise<boolean>,
  deadlineMs = 10_000,
): Promise<void> {
  const endMs = Date.now() + deadlineMs;
  while (!(await look())) {
    if (Date.now() > endMs) assert.fail(`not in ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
}

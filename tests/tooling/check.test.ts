/**
 * A checker that finds nothing looks the same as one that is broken. So each one is given a small
 * repository with this repository's own configuration: first clean (all green), then with one fault
 * planted at a time, which exactly that checker must report.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { runStep, type StepResult } from "../../scripts/run-step.ts";

const home = dirname(dirname(import.meta.dirname));
const root = mkdtempSync(join(tmpdir(), "serai-planted-"));

const manifest = (name: string, dependencies: Record<string, string>) =>
  `${JSON.stringify(
    {
      name: `@serai/${name}`,
      version: "0.1.0",
      private: true,
      type: "module",
      exports: { "./*": "./src/*.ts" },
      dependencies,
    },
    null,
    2,
  )}\n`;

const lockFile = (more: Record<string, object> = {}) =>
  JSON.stringify({
    packages: {
      "packages/model": { dependencies: { "@serai/kit": "0.1.0" } },
      "apps/daemon": { dependencies: { "@serai/model": "0.1.0" } },
      ...more,
    },
  });

/** A repository in which every check is green. */
const clean: Record<string, string> = {
  "README.md": "# Sample\n\n[Twice](packages/kit/src/twice.ts)\n",
  ".gitignore": "node_modules/\n",
  "package-lock.json": lockFile(),
  "packages/kit/package.json": manifest("kit", {}),
  "packages/kit/src/twice.ts": "export const twice = (n: number): number => n * 2;\n",
  "packages/kit/src/twice.test.ts": [
    `import assert from "node:assert/strict";`,
    `import { test } from "node:test";`,
    `import { twice } from "./twice.ts";`,
    ``,
    `test("two is twice one", () => {`,
    `  assert.equal(twice(1), 2);`,
    `});`,
    ``,
  ].join("\n"),
  "packages/model/package.json": manifest("model", { "@serai/kit": "0.1.0" }),
  "packages/model/src/four.ts": `import { twice } from "@serai/kit/twice";\n\nexport const four = twice(2);\n`,
  "apps/daemon/package.json": manifest("daemon", { "@serai/model": "0.1.0" }),
  "apps/daemon/src/main.ts": `import { four } from "@serai/model/four";\n\nconsole.log(four);\n`,
};

const unused = (text: string) => `${text}\nconsole.log(planted);\n`;

type Planted = { check: string; fault: string; path: string; text: string; says: RegExp };

const planted: Planted[] = [
  {
    check: "format",
    fault: "a badly formatted file",
    path: "scripts/planted.ts",
    text: "export  const planted = 'x'\n",
    says: /planted\.ts/,
  },
  {
    check: "lint",
    fault: "a promise that nobody awaits (needs types)",
    path: "scripts/planted.ts",
    text: `async function planted(): Promise<void> {\n  await Promise.resolve();\n}\n\nplanted();\n`,
    says: /no-floating-promises/,
  },
  {
    check: "lint",
    fault: "a file of more than 400 lines",
    path: "scripts/planted.ts",
    text: unused(`export const planted = [\n${'  "a line",\n'.repeat(400)}];`),
    says: /max-lines/,
  },
  {
    check: "lint",
    fault: "a function of more than 60 lines",
    path: "scripts/planted.ts",
    text: unused(`export function planted(): void {\n${'  console.log("a line");\n'.repeat(61)}}`),
    says: /max-lines-per-function/,
  },
  {
    check: "lint",
    fault: "a function with five parameters",
    path: "scripts/planted.ts",
    text: unused("export const planted = (a: 1, b: 1, c: 1, d: 1, e: 1): number => a + b + c + d + e;"),
    says: /max-params/,
  },
  {
    check: "lint",
    fault: "an import cycle",
    path: "packages/kit/src/twice.ts",
    text: `import { one } from "./one.ts";\n\nexport const twice = (n: number): number => n * 2 * one;\n`,
    says: /no-cycle/,
  },
  {
    check: "lint",
    fault: "a clock in the pure room",
    path: "packages/model/src/planted.ts",
    text: "export const planted = (): number => Date.now();\n",
    says: /this room is pure/,
  },
  {
    check: "types",
    fault: "a type error",
    path: "scripts/planted.ts",
    text: unused(`export const planted: number = "text";`),
    says: /TS2322/,
  },
  {
    check: "types",
    fault: "an index that may be undefined",
    path: "scripts/planted.ts",
    text: unused("const list: number[] = [];\nexport const planted: number = list[0];"),
    says: /TS2322/,
  },
  {
    check: "rooms",
    fault: "a room that imports one above it",
    path: "packages/kit/src/planted.ts",
    text: `export { four as planted } from "@serai/model/four";\n`,
    says: /packages\/kit may import no other room: kit stands below everything/,
  },
  {
    check: "rooms",
    fault: "a room imported without being declared",
    path: "packages/hypervisor/src/planted.ts",
    text: `export { twice as planted } from "@serai/kit/twice";\n`,
    says: /@serai\/kit is not among the dependencies/,
  },
  {
    check: "rooms",
    fault: "a relative import that leaves the package",
    path: "packages/model/src/planted.ts",
    text: `export { twice as planted } from "../../kit/src/twice.ts";\n`,
    says: /leaves packages\/model by a relative path/,
  },
  {
    check: "rooms",
    fault: "a type-only import in several lines of a room that is not allowed",
    path: "packages/kit/src/planted.ts",
    text: `import type {\n  four,\n} from "@serai/model/four";\n\nexport type Planted = typeof four;\n`,
    says: /planted\.ts:3: .*packages\/kit may import/,
  },
  {
    check: "rooms",
    fault: "Node's modules in the pure room",
    path: "packages/model/src/planted.ts",
    text: `export { hostname as planted } from "node:os";\n`,
    says: /may not use Node's modules/,
  },
  {
    check: "rooms",
    fault: "a package that is not declared",
    path: "packages/kit/src/planted.ts",
    text: `export { Type as planted } from "typebox";\n`,
    says: /typebox is not among the dependencies/,
  },
  {
    check: "dead code",
    fault: "an export that nobody imports",
    path: "packages/kit/src/planted.ts",
    text: "export const planted = 1;\n",
    says: /planted/,
  },
  {
    check: "dead code",
    fault: "a dependency that nobody imports",
    path: "packages/kit/package.json",
    text: manifest("kit", { pino: "10.4.0" }),
    says: /pino/,
  },
  {
    check: "lock file",
    fault: "a dependency that the lock file does not have",
    path: "packages/kit/package.json",
    text: manifest("kit", { pino: "10.4.0" }),
    says: /packages\/kit\/package\.json: dependencies differ/,
  },
  {
    check: "lock file",
    fault: "a package of another platform that is left out",
    path: "package-lock.json",
    text: lockFile({ "node_modules/tool": { optionalDependencies: { "tool-win32-x64": "1.0.0" } } }),
    says: /tool-win32-x64 is missing/,
  },
  {
    check: "lock file",
    fault: "a package with an install script",
    path: "package-lock.json",
    text: lockFile({ "node_modules/tool": { hasInstallScript: true } }),
    says: /node_modules\/tool has an install script/,
  },
  {
    check: "doc links",
    fault: "a link to a file that is not there",
    path: "README.md",
    text: "# Sample\n\n[Nowhere](docs/nowhere.md)\n",
    says: /there is no docs\/nowhere\.md/,
  },
  {
    check: "doc links",
    fault: "a link to a heading that is not there",
    path: "README.md",
    text: "# Sample\n\n[Nowhere](#nowhere)\n",
    says: /no heading #nowhere/,
  },
  {
    check: "tests",
    fault: "a failing test",
    path: "packages/kit/src/planted.test.ts",
    text: clean["packages/kit/src/twice.test.ts"]?.replace("twice(1), 2", "twice(1), 3") ?? "",
    says: /not ok: two is twice one[\s\S]*planted\.test\.ts:5/,
  },
  {
    check: "tests",
    fault: "a test file that crashes before its first test",
    path: "packages/kit/src/planted.test.ts",
    text: `throw new Error("planted crash");\n`,
    says: /planted crash/,
  },
];

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function check(...names: string[]): Promise<StepResult> {
  const command = [process.execPath, join(home, "scripts/check.ts"), "--root", root, ...names];
  return runStep({ command, cwd: root, deadlineMs: 60_000 });
}

function linkPackages(): void {
  mkdirSync(join(root, "node_modules/@serai"), { recursive: true });
  for (const name of readdirSync(join(home, "node_modules"))) {
    if (name !== "@serai") symlinkSync(join(home, "node_modules", name), join(root, "node_modules", name));
  }
  for (const name of ["kit", "model"]) {
    symlinkSync(join(root, "packages", name), join(root, "node_modules/@serai", name));
  }
}

before(() => {
  for (const file of [".oxlintrc.json", ".oxfmtrc.json", "knip.json", "tsconfig.json"]) {
    cpSync(join(home, file), join(root, file));
  }
  write(
    "package.json",
    `${JSON.stringify({ name: "sample", private: true, workspaces: ["packages/*", "apps/*"] }, null, 2)}\n`,
  );
  for (const [path, text] of Object.entries(clean)) write(path, text);
  linkPackages();
  execFileSync("git", ["init", "--quiet"], { cwd: root });
});

after(() => rmSync(root, { recursive: true, force: true }));

test("a clean repository is green", async () => {
  const result = await check();

  assert.ok(result.isGreen, result.output);
  assert.match(result.output, /^check: all green; 8 checks, 8 passed/);
});

for (const { check: name, fault, path, text, says } of planted) {
  test(`${name} reports ${fault}`, async () => {
    write(path, text);
    if (text.includes("./one.ts")) {
      write(
        "packages/kit/src/one.ts",
        `import { twice } from "./twice.ts";\n\nexport const one = twice(1);\n`,
      );
    }

    const result = await check(name);
    rmSync(join(root, path));
    rmSync(join(root, "packages/kit/src/one.ts"), { force: true });
    if (clean[path] !== undefined) write(path, clean[path]);

    assert.equal(result.isGreen, false, result.output);
    assert.match(result.output, says);
  });
}

test("no test at all is as red as a failing one", async () => {
  rmSync(join(root, "packages/kit/src/twice.test.ts"));

  const result = await check("tests");
  write("packages/kit/src/twice.test.ts", clean["packages/kit/src/twice.test.ts"] ?? "");

  assert.equal(result.isGreen, false);
  assert.match(result.output, /no test ran/);
});

import { spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const home = dirname(dirname(import.meta.dirname));

/** What every Linux has, and the scripts rely on. Package tools are left out: each test brings its own. */
const basics =
  "awk bash cat cut date dirname du env find flock getconf getent grep head kill ln ls mkdir mktemp mv paste printf readlink rm sed setsid sh sha256sum sleep sort stat tail tr true uname xargs";

export type Run = { code: number | null; stdout: string; stderr: string; ms: number };

/** What a test may do while the script runs. */
export type RunOptions = {
  env?: Record<string, string>;
  /** Sends this signal once stdout matches. */
  interrupt?: { signal: NodeJS.Signals; when: RegExp };
};

/** A copy of the scripts in a small repository, on a machine made of stubs at the package tools' port. */
export type Sandbox = {
  root: string;
  /** Puts a command on the machine; what it does is a shell script. */
  command(name: string, script: string): void;
  file(path: string, text: string): void;
  read(path: string): string;
  run(script: string, args?: readonly string[], options?: RunOptions): Promise<Run>;
  [Symbol.dispose](): void;
};

const packages = {
  start: [
    {
      apt: "qemu-system-x86",
      probe: "qemu-system-x86_64",
      why: "runs the virtual machines",
      dnf: "qemu-system-x86-core",
    },
    { apt: "qemu-utils", probe: "qemu-img", why: "creates disks", dnf: "qemu-img", pacman: "qemu-img" },
  ],
  test: [{ apt: "chromium", probe: "chromium", why: "shows the console" }],
};

/** A machine that has everything; tests then take something away. */
export function sandbox(): Sandbox {
  const root = mkdtempSync(join(tmpdir(), "serai-set-up-"));
  const bin = join(root, "machine-bin");
  const path = (name: string) => join(root, name);
  const file = (name: string, text: string) => {
    mkdirSync(dirname(path(name)), { recursive: true });
    writeFileSync(path(name), text);
  };
  const command = (name: string, script: string) => {
    rmSync(join(bin, name), { force: true });
    writeFileSync(join(bin, name), `#!/bin/bash\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  mkdirSync(bin);
  for (const name of basics.split(" ")) {
    const real = ["/usr/bin", "/bin"].map((folder) => join(folder, name)).find(existsSync);
    if (real !== undefined) symlinkSync(real, join(bin, name));
  }
  symlinkSync(process.execPath, join(bin, "node"));
  cpSync(join(home, "scripts"), path("scripts"), { recursive: true });
  file("scripts/packages.json", JSON.stringify(packages));
  file("guest/packages.json", JSON.stringify({ tiny: [] }));
  file("guest/build.ts", "console.log(process.argv.length);\n");
  file("package-lock.json", "{}\n");
  file("apps/console/package.json", "{}\n");
  command("df", 'echo head; echo "disk 9999999 1 9999999 1% /"');
  command("id", "echo 0");
  command("getent", "exit 0");
  command("qemu-system-x86_64", "echo QEMU emulator version 7.2.22");
  command("qemu-img", "exit 0");
  command(
    "npm",
    `mkdir -p node_modules/.bin; ln -sf "$(command -v node)" node_modules/.bin/node; echo "$@" >>npm-calls`,
  );
  return {
    root,
    command,
    file,
    read: (name) => (existsSync(path(name)) ? readFileSync(path(name), "utf8") : ""),
    run: (script, args = [], { env, ...options } = {}) =>
      run([path(script), ...args], { env: { PATH: bin, HOME: root, ...env }, ...options }),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

function run(command: readonly string[], { env = {}, interrupt }: RunOptions): Promise<Run> {
  const startedMs = performance.now();
  const child = spawn("/bin/bash", command, { env, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  let isInterrupted = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    if (interrupt === undefined || isInterrupted || !interrupt.when.test(stdout)) return;
    isInterrupted = true;
    child.kill(interrupt.signal);
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr, ms: performance.now() - startedMs }));
  });
}

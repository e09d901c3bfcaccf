import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, chown, copyFile, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { newId } from "@serai/kit/id";
import { createLogger } from "@serai/kit/logger";
import { cgroupProcsFiles, createCgroup, removeCgroup } from "@serai/linux/cgroup";
import { openCgroups } from "@serai/linux/cgroup-layout";
import { findJail } from "../../packages/hypervisor/src/jail/jail.ts";
import { openVmDriver, type VmDriverConfig } from "../../packages/hypervisor/src/vm-driver.ts";
import { eventually, patience, specOf } from "../../packages/hypervisor/tests/fixture.ts";

const MiB = 1024 * 1024;
const ownUid = 1_999_999_001;
const otherUid = 1_999_999_002;
const { jail } = await findJail(patience());
const cgroups = openCgroups("serai-test");

const whyNot = (): string | false => {
  if (process.getuid?.() !== 0) return "needs root";
  if (process.arch !== "x64") return "the probe's system call numbers are x86-64's";
  if (!existsSync("/usr/bin/perl") || !existsSync("/usr/bin/busybox")) return "needs perl and busybox";
  return jail === undefined && "needs bubblewrap";
};

/** Attempts that this kind of machine may refuse to everybody; the others must succeed without a jail. */
const mayFailOutside = new Set([
  "open /dev/kvm, which it was not given",
  "open a disk of the host",
  "read the kernel's log",
  "use the magic keys",
]);

type Outcome = { name: string; isOut: boolean; why: string };

/** A host with two VMs on it: the one that is played by the probe, and one that has something to lose. */
class DrillWorld implements AsyncDisposable {
  readonly vm = newId("vm");
  readonly group = `drill-${process.pid}`;
  readonly root: string;
  readonly #servers: Server[] = [];
  #victim: ChildProcess | undefined;
  #port = 0;

  constructor(root: string) {
    this.root = root;
  }

  static async create(): Promise<DrillWorld> {
    const world = new DrillWorld(await mkdtemp("/var/tmp/serai-drill-"));
    await chmod(world.root, 0o711);
    await world.#fill();
    return world;
  }

  in(...path: string[]): string {
    return join(this.root, ...path);
  }

  async #fill(): Promise<void> {
    const folders = [
      "vms",
      "vms/vm-b",
      "vms/vm-b/qemu",
      "volumes",
      "volumes/vm-b",
      "images",
      "images/own",
      "images/other",
      "control",
      "control/spool",
      "run",
      "probe",
      "probe/bin",
      "scratch",
    ];
    for (const folder of folders) await mkdir(this.in(folder), { mode: 0o711 });
    const files = [
      "volumes/vm-b/root.qcow2",
      "images/own/content.raw",
      "images/other/content.raw",
      "control/store.db",
      "control/spool/upload",
    ];
    for (const file of files) await writeFile(this.in(file), "secret", { mode: 0o644 }); // so that only the jail protects
    await mkdir(this.in("volumes", this.vm), { mode: 0o700 });
    await chown(this.in("volumes", this.vm), ownUid, ownUid);
    await copyFile("/usr/bin/id", this.in("probe/id"));
    await chmod(this.in("probe/id"), 0o4755);
    for (const path of [
      this.in("vms/vm-b/qemu/qmp.sock"),
      this.in("run/host.sock"),
      this.in("run/api.sock"),
      `\0serai-drill-${process.pid}`,
    ]) {
      await this.#listen({ path });
      if (!path.startsWith("\0")) await chmod(path, 0o777);
    }
    this.#port = await this.#listen({ port: 0, host: "0.0.0.0" });
    this.#victim = spawn("/usr/bin/busybox", ["sleep", "1234.5"], {
      uid: otherUid,
      gid: otherUid,
      stdio: "ignore",
      env: { SECRET: "of another VM" },
    });
    await once(this.#victim, "spawn");
  }

  async #listen(options: { path: string } | { port: number; host: string }): Promise<number> {
    const server = createServer((socket) => socket.end().on("error", () => {}));
    this.#servers.push(server);
    server.listen(options);
    await once(server, "listening");
    return (server.address() as AddressInfo | string as AddressInfo).port;
  }

  async #probe(results: string, isJailed: boolean): Promise<string> {
    const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const target = {
      victim_pid: this.#victim?.pid,
      victim_mark: "sleep\u00001234.5",
      victim_secret: "of another VM",
      other_disk: this.in("volumes/vm-b/root.qcow2"),
      vm: isJailed ? this.vm : "",
      vms: this.in("vms"),
      volumes: this.in("volumes"),
      images: this.in("images"),
      own_image: this.in("images/own/content.raw"),
      other_image: this.in("images/other/content.raw"),
      own_record: isJailed ? this.in("vms", this.vm, "run.json") : this.in("control/store.db"),
      store: this.in("control/store.db"),
      spool: this.in("control/spool"),
      other_socket: this.in("vms/vm-b/qemu/qmp.sock"),
      host_socket: this.in("run/host.sock"),
      api_socket: this.in("run/api.sock"),
      abstract: `serai-drill-${process.pid}`,
      port: this.#port,
      host_address:
        addresses.find(({ family, internal }) => family === "IPv4" && !internal)?.address ?? "127.0.0.2",
      setuid_program: this.in("probe/id"),
      writable: isJailed ? "/tmp" : this.in("scratch"),
      daemon_mark: "store.db",
      secret: "hunter2-drill",
      is_jailed: isJailed ? 1 : 0,
    };
    const quoted = Object.entries(target).map(([key, value]) => `${key} => ${perl(String(value))}`);
    const text = await readFile(join(import.meta.dirname, "escape-probe.pl"), "utf8");
    const [first = "", ...rest] = text.split("\n");
    return [
      first,
      `%main::target = (${quoted.join(", ")}); $main::results = ${perl(results)};`,
      ...rest,
    ].join("\n");
  }

  /** The probe in QEMU's place: the driver starts it as it starts every QEMU. */
  async runJailed(): Promise<Outcome[]> {
    assert.ok(jail !== undefined && cgroups.isSupported);
    const groups = cgroups;
    const directory = this.in("vms", this.vm);
    const results = join(directory, "qemu/results");
    const program = this.in("probe/bin/qemu-system-x86_64");
    await writeFile(program, await this.#probe(results, true), { mode: 0o755 });
    const cgroup: NonNullable<VmDriverConfig["cgroup"]> = {
      prepare: () => createCgroup(groups, this.group, { pidsMax: 512, memoryMaxBytes: 256 * MiB }),
      procsFiles: () => cgroupProcsFiles(groups, this.group),
      oomKills: () => undefined,
    };
    const driver = await openVmDriver(
      {
        directory,
        qemu: { path: program, version: "7.2.0" },
        accelerator: "tcg",
        uid: ownUid,
        gid: ownUid,
        jail,
        cgroup,
        logger: createLogger("test", "silent"),
        onChange: () => {},
      },
      patience(),
    );
    const volume = { name: "root", bus: "virtio-blk", format: "qcow2", isReadOnly: false } as const;
    const plan = {
      vm: this.vm,
      uuid: "00000000-0000-4000-8000-000000000000",
      generation: 1,
      resetCount: 0,
      machineType: "pc-q35-7.2",
      spec: specOf(),
      disks: [
        {
          ...volume,
          path: this.in("volumes", this.vm, "root.qcow2"),
          backing: [this.in("images/own/content.raw")],
        },
      ],
    };
    await using _held = await open(this.in("control/store.db")); // as the daemon has its files open
    await assert.rejects(driver.launch(plan, AbortSignal.timeout(120_000)), /QEMU could not start the VM/);
    await driver.close();
    return await readOutcomes(results);
  }

  /** The same attempts by root without a jail; only what would harm this machine happens in namespaces of its own. */
  async runFree(): Promise<Outcome[]> {
    const results = this.in("scratch/results");
    const program = this.in("probe/free.pl");
    await writeFile(program, await this.#probe(results, false), { mode: 0o755 });
    await using leaked = await open(this.in("control/store.db"));
    execFileSync("unshare", ["--mount", "--uts", "--", program], {
      cwd: this.in("scratch"),
      stdio: ["ignore", "ignore", "ignore", leaked.fd],
      env: { PATH: "/usr/bin:/usr/sbin", SECRET: "hunter2-drill" },
      timeout: 120_000,
    });
    return await readOutcomes(results);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#victim?.kill("SIGKILL");
    for (const server of this.#servers) server.close();
    if (cgroups.isSupported) await removeCgroup(cgroups, this.group, patience());
    await rm(this.root, { recursive: true, force: true });
  }
}

const perl = (text: string): string =>
  `"${text.replaceAll(/[^\w ./-]/g, (sign) => `\\x{${sign.codePointAt(0)?.toString(16)}}`)}"`;

async function readOutcomes(file: string): Promise<Outcome[]> {
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  assert.equal(lines.at(-1), "end", `the probe did not get to its end: ${lines.at(-1)}`);
  return lines.slice(0, -1).map((line) => {
    const [name = "", how = "", why = ""] = line.split("\t");
    return { name, isOut: how === "got out", why };
  });
}

test(
  "a program in QEMU's place gets out nowhere, by ways that work without the jail",
  { skip: whyNot() },
  async (context) => {
    process.env["SERAI_DRILL_SECRET"] = "hunter2-drill";
    await using world = await DrillWorld.create();

    const free = new Map((await world.runFree()).map((outcome) => [outcome.name, outcome.isOut]));
    const jailed = await world.runJailed();

    for (const { name, isOut, why } of jailed) {
      const control = free.get(name) === undefined ? "-" : free.get(name) ? "works" : "refused";
      context.diagnostic(
        `${isOut ? "GOT OUT" : "held   "} | without a jail: ${control.padEnd(7)} | ${name}${why && ` (${why})`}`,
      );
    }
    assert.deepEqual(
      jailed.filter(({ isOut }) => isOut).map(({ name }) => name),
      [],
    );
    const unproven = [...free]
      .filter(([name, isOut]) => !isOut && !mayFailOutside.has(name))
      .map(([name]) => name);
    assert.deepEqual(unproven, [], "an attempt that fails without a jail proves nothing");
    assert.ok(jailed.length >= 50);
    await eventually("the end of what the probe left behind", () =>
      execFileSync("/usr/bin/busybox", ["ps"], { encoding: "utf8" }).includes("987.654") ? undefined : true,
    );
  },
);

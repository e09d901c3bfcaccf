import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test, { type TestContext } from "node:test";
import { hostVerbs } from "@serai/model/host-request";
import { newId } from "@serai/kit/id";
import { createVm, startDaemon, takeBuiltin, type TestDaemon } from "../harness/daemon.ts";

const isRoot = process.getuid?.() === 0;
const MiB = 1024 * 1024;

const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, "latin1");
const uidOf = (pid: number): number => Number(/^Uid:\t(\d+)/m.exec(statusOf(pid))?.[1]);
const gidOf = (pid: number): number => Number(/^Gid:\t(\d+)/m.exec(statusOf(pid))?.[1]);
type User = { uid: number; gid: number };
type Held = { id: string; generation: number; pid?: number };
type StoredVm = Record<string, unknown>;

/** Speaks to the host's socket as control's user, without any of control's code in between. */
function ask(
  daemon: TestDaemon,
  { uid, gid }: User,
  path: string,
  body: unknown,
): { status: number; text: string } {
  const socket = join(daemon.stateDirectory, "run/host.sock");
  const text = execFileSync(
    "setpriv",
    [
      ...[
        `--reuid=${uid}`,
        `--regid=${gid}`,
        "--clear-groups",
        "--no-new-privs",
        "--inh-caps=-all",
        "--bounding-set=-all",
      ],
      ...[
        "--",
        "curl",
        "-sS",
        "--path-as-is",
        "--max-time",
        "60",
        "--unix-socket",
        socket,
        "-X",
        "POST",
        "-w",
        "\n%{http_code}",
      ],
      ...["-H", "content-type: application/json", "--data-binary", "@-", `http://host${path}`],
    ],
    { input: typeof body === "string" ? body : JSON.stringify(body), encoding: "utf8" },
  );
  const at = text.lastIndexOf("\n");
  return { status: Number(text.slice(at + 1)), text: text.slice(0, at) };
}

/** Writes to the store as whoever took control over would: behind the API's back. */
function plant(daemon: TestDaemon, edit: (store: DatabaseSync) => void): void {
  const store = new DatabaseSync(join(daemon.stateDirectory, "control/store.db"), { timeout: 20_000 });
  try {
    edit(store);
  } finally {
    store.close();
  }
}

/** What a host must not lose, as far as a test can see it: a digest of files of root's, and who has which. */
function witness(daemon: TestDaemon): string {
  const files = ["/etc/shadow", "/etc/passwd", join(daemon.stateDirectory, "host/host-id")].filter((file) =>
    existsSync(file),
  );
  return files
    .map(
      (file) =>
        `${file} ${statSync(file).uid} ${statSync(file).mode} ${readFileSync(file).toString("base64")}`,
    )
    .join("\n");
}

const skip = !isRoot && "needs root";

/** A daemon with a VM that runs, seen by whoever took its control process over. */
type Captured = {
  daemon: TestDaemon;
  held: Held;
  control: number;
  user: User;
  before: string;
};

async function capture(daemon: TestDaemon): Promise<Captured> {
  const { client } = daemon;
  await takeBuiltin(client, "tiny");
  await createVm(client, { name: "held", kernel: { image: "tiny" }, memoryBytes: 192 * MiB });
  const held = await client.call("getVm", { params: { vm: "held" } }, new AbortController().signal);
  const control = daemon.pids().find((pid) => uidOf(pid) !== 0);
  assert.ok(control !== undefined);
  const user = { uid: uidOf(control), gid: gidOf(control) };
  return { daemon, held, control, user, before: witness(daemon) };
}

test(
  "a control process that was taken over gains no root, no file of others and no VM",
  { skip },
  async (context) => {
    await using daemon = await startDaemon();
    const captured = await capture(daemon);

    await context.test("it has no rights, and none to be had", () => hasNoRights(captured));
    await context.test("no verb does anything that the stored intent gives no reason for", (inner) =>
      refusesVerbs(captured, inner),
    );
    await context.test("no id, body or path gets past the shape of a request", () => refusesShapes(captured));
    await context.test(
      "records planted in the store with hostile values are refused, and name the reason",
      () => refusesHostileRecords(captured),
    );
    await context.test(
      "a link, a pipe or a device in the spool brings no file of root's into an image",
      (inner) => refusesHostileSpool(captured, inner),
    );
    await context.test("it can reach no file of the host's part and no VM's socket by itself", () =>
      reachesNothing(captured),
    );
    await context.test("after all of it the world is as it was, and the VM runs", () =>
      worldIsAsBefore(captured),
    );
  },
);

function hasNoRights({ control }: Captured): void {
  const status = statusOf(control);
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
    assert.match(status, new RegExp(`^${set}:\t0+$`, "m"));
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(status, /^Groups:\s*$/m);
}

function refusesVerbs({ daemon, held, user }: Captured, context: TestContext): void {
  const answers: string[] = [];
  for (const verb of hostVerbs) {
    if (verb === "provision" || verb === "launch" || verb === "resume") continue; // what the owner wants anyway
    const { status, text } = ask(daemon, user, "/v1/act", {
      verb,
      vm: held.id,
      generation: held.generation,
    });
    answers.push(`${verb}: ${status} ${text.slice(0, 100)}`);
    assert.equal(status, 409, `${verb}: ${text}`);
  }
  for (const generation of [0, held.generation - 1, held.generation + 1, 2 ** 52])
    assert.equal(ask(daemon, user, "/v1/act", { verb: "launch", vm: held.id, generation }).status, 409);
  assert.equal(ask(daemon, user, "/v1/act", { verb: "launch", vm: newId("vm"), generation: 1 }).status, 409);
  context.diagnostic(answers.join(" | "));
}

function refusesShapes({ daemon, held, user }: Captured): void {
  const ids = [
    "../../../etc",
    "..",
    "/etc/shadow",
    "vm-../../etc/pa",
    "vm-000000000000/..",
    "",
    "vm-000000000000\0",
    "%2e%2e",
    "a".repeat(4000),
  ];
  for (const vm of ids) {
    for (const name of ["look", "screenshot"])
      assert.equal(ask(daemon, user, `/v1/${name}`, { vm }).status, 409, JSON.stringify(vm));
    assert.equal(ask(daemon, user, "/v1/act", { verb: "remove", vm, generation: 1 }).status, 409);
    for (const name of ["take-image", "remove-image"])
      assert.equal(ask(daemon, user, `/v1/${name}`, { image: vm, generation: 1 }).status, 409);
  }
  for (const body of [
    "",
    "null",
    "[]",
    "{",
    '{"verb":"launch"}',
    `{"vm":"${held.id}","argv":["-monitor","stdio"]}`,
    "x".repeat(100_000),
  ])
    assert.equal(ask(daemon, user, "/v1/act", body).status, 409, body.slice(0, 40));
  for (const path of ["/v1/close", "/v1/constructor", "/v1/__proto__", "/v1/run", "/../etc/shadow"])
    assert.equal(ask(daemon, user, path, {}).status, 409, path);
}

function refusesHostileRecords({ daemon, held, user }: Captured): void {
  const { vm, key } = readRecord(daemon, held.id);
  const hostile: [string, (record: StoredVm) => unknown][] = [
    [
      "a machine type with options",
      (record) => ({ ...record, machineType: "pc-q35-7.2,firmware=/etc/shadow" }),
    ],
    [
      "a disk that leaves its folder",
      (record) =>
        spec(record, {
          disks: [{ name: "../../../../etc/x", sizeBytes: MiB, bus: "virtio-blk", isReadOnly: false }],
        }),
    ],
    [
      "an image that is a path",
      (record) =>
        spec(record, {
          disks: [{ name: "root", image: "../../../../etc", bus: "virtio-blk", isReadOnly: true }],
        }),
    ],
    ["a kernel that is a path", (record) => spec(record, { kernel: { image: "/etc" } })],
    ["arguments of QEMU's", (record) => spec(record, { extraArgs: ["-monitor", "stdio"] })],
    [
      "a forward of ssh's port",
      (record) =>
        spec(record, {
          nics: [
            {
              name: "n",
              network: "user",
              model: "virtio",
              mac: "52:54:00:00:00:01",
              forwards: [{ protocol: "tcp", hostPort: 22, guestPort: 22 }],
            },
          ],
        }),
    ],
    ["another VM's id", (record) => ({ ...record, id: newId("vm") })],
  ];
  for (const [what, change] of hostile) {
    const generation = Number(vm["generation"]) + 1;
    write(daemon, key, { ...(change(vm) as object), generation });
    for (const verb of ["provision", "launch", "remove"]) {
      const { status, text } = ask(daemon, user, "/v1/act", { verb, vm: held.id, generation });
      assert.equal(status, 409, `${what}: ${text}`);
    }
  }
  write(daemon, key, vm);
}

function refusesHostileSpool({ daemon, user }: Captured, context: TestContext): void {
  const { stateDirectory } = daemon;
  const spool = join(stateDirectory, "control/spool");
  const plants: [string, (path: string) => void][] = [
    ["a plain file", (path) => writeFileSync(path, Buffer.alloc(MiB), { mode: 0o644 })],
    ["a link to /etc/shadow", (path) => symlinkSync("/etc/shadow", path)],
    ["a link to the host's own images", (path) => symlinkSync(join(stateDirectory, "host/host-id"), path)],
    ["a pipe", (path) => execFileSync("mkfifo", [path])],
    ["a folder", (path) => mkdirSync(path)],
  ];
  for (const [what, make] of plants) {
    const id = newId("img");
    const path = join(spool, id);
    make(path);
    const record = {
      id,
      project: "default",
      name: `planted-${id}`,
      source: { kind: "upload" },
      format: "raw",
      phase: "taking",
      generation: 1,
      createdAt: new Date().toISOString(),
    };
    write(daemon, `/images/${id}`, record);
    const { status, text } = ask(daemon, user, "/v1/take-image", { image: id, generation: 1 });
    context.diagnostic(`${what}: ${status} ${text.slice(0, 160)}`);
    assert.equal(status === 200, what === "a plain file", `${what}: ${text}`);
    assert.equal(existsSync(join(stateDirectory, "host/images", id)), what === "a plain file", what);
    plant(daemon, (store) => store.prepare("DELETE FROM kv WHERE key = ?").run(`/images/${id}`));
    rmSync(path, { recursive: true, force: true });
  }
}

function reachesNothing({ daemon, held, user }: Captured): void {
  const { stateDirectory } = daemon;
  const { uid, gid } = user;
  const vm = join(stateDirectory, "host/vms", held.id);
  const program = `
  const fs = require("node:fs"); const net = require("node:net");
  const out = [];
  for (const file of process.argv.slice(1)) { try { fs.readFileSync(file); out.push(file); } catch {} try { fs.readdirSync(file); out.push(file + "/"); } catch {} }
  try { process.kill(${held.pid}, 0); out.push("signal"); } catch {}
  const socket = net.connect(${JSON.stringify(join(vm, "qemu/qmp.sock"))}, () => { out.push("monitor"); done(); });
  const done = () => { console.log(JSON.stringify(out)); process.exit(); };
  socket.on("error", done);`;
  const drop = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    "--clear-groups",
    "--no-new-privs",
    "--bounding-set=-all",
    "--inh-caps=-all",
    "--",
  ];
  const node = join("/var/tmp", `node-${process.pid}`);
  execFileSync("cp", [process.execPath, node]); // the checkout may lie where this user cannot walk
  try {
    const files = [
      vm,
      join(vm, "run.json"),
      join(vm, "qemu"),
      join(vm, "qemu/serial.log"),
      join(vm, "qemu.log"),
      join(stateDirectory, "host"),
      join(stateDirectory, "host/vms"),
      join(stateDirectory, "host/volumes"),
      `/proc/${held.pid}/mem`,
      `/proc/${held.pid}/environ`,
      "/etc/shadow",
    ];
    const said = execFileSync("setpriv", [...drop, node, "-e", program, ...files], {
      encoding: "utf8",
      cwd: "/",
    });
    assert.deepEqual(JSON.parse(said), []);
  } finally {
    rmSync(node);
  }
}

async function worldIsAsBefore({ daemon, held, before }: Captured): Promise<void> {
  const { stateDirectory } = daemon;
  assert.equal(witness(daemon), before);
  const now = await daemon.client.call("getVm", { params: { vm: "held" } }, new AbortController().signal);
  assert.equal(now.pid, held.pid);
  assert.deepEqual(readdirSync(join(stateDirectory, "host/vms")), [held.id]);
}

const spec = (record: StoredVm, change: object): object => ({
  ...record,
  spec: { ...(record["spec"] as object), ...change },
});

function readRecord(daemon: TestDaemon, id: string): { key: string; vm: StoredVm } {
  const key = `/vms/${id}`;
  let text = "null";
  plant(daemon, (store) => {
    text = String(store.prepare("SELECT value FROM kv WHERE key = ?").get(key)?.["value"]);
  });
  const vm = JSON.parse(text) as StoredVm;
  return { key, vm };
}

function write(daemon: TestDaemon, key: string, value: unknown): void {
  plant(daemon, (store) => {
    store
      .prepare(
        "INSERT INTO kv (key, value, create_revision, mod_revision, version, lease) VALUES (?, ?, 1, 1, 1, 0) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      )
      .run(key, JSON.stringify(value));
  });
}

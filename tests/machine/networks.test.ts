import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import { createLogger } from "@serai/kit/logger";
import { isFault } from "@serai/kit/fault";
import { needs } from "@serai/network/features";
import { probeNetworking } from "@serai/network/namespace/probe";
import { openNetworkDriver } from "@serai/network/namespace/open-network-driver";
import { ensureGuestImage } from "../../guest/images.ts";
import { createVm, startDaemon, succeeded, takeBuiltin, until, type TestDaemon } from "../harness/daemon.ts";

const { signal } = new AbortController();
const MiB = 1024 * 1024;
const subnet = "10.99.0.0/24";
const wanted = new Set<string>([...needs.network, ...needs.addresses, ...needs.nat, ...needs.securityGroups]);

const { features } = await probeNetworking(AbortSignal.timeout(30_000));
const missing = features.filter(({ feature, works }) => wanted.has(feature) && !works);
const skip = missing.length > 0 && `this machine lacks ${missing.map(({ title }) => title).join(", ")}`;

let daemon: TestDaemon;

before(async () => {
  if (skip !== false) return;
  await ensureGuestImage("tiny", { signal });
  daemon = await startDaemon();
  const { client } = daemon;
  await takeBuiltin(client, "tiny");
  for (const name of ["lan", "other"]) {
    await succeeded(client, client.call("createNetwork", { body: { name, ipv4: { subnet } } }, signal));
  }
  await createVm(client, guest("a", "lan"), false);
  await createVm(client, guest("b", "lan"), false);
  await createVm(client, guest("c", "other", "10.99.0.9"), false);
});

after(async () => {
  if (skip !== false) return;
  const networks = join(daemon.stateDirectory, "host/networks");
  const { client } = daemon;
  for (const { name } of await client.call("listVms", {}, signal).then(
    ({ items }) => items,
    () => [],
  )) {
    await succeeded(
      client,
      client.call("deleteVm", { params: { vm: name }, query: { force: true } }, signal),
    ).catch(() => {});
  }
  await daemon.stop();
  // Whatever a failed test left: a namespace is pinned to a file, which could not be deleted.
  const logger = createLogger("test", "silent");
  const driver = await openNetworkDriver({ stateDirectory: networks, logger }, AbortSignal.timeout(30_000));
  for (const { id } of driver.list()) await driver.remove(id, AbortSignal.timeout(30_000));
  driver.close();
  await daemon[Symbol.asyncDispose]();
});

const guest = (name: string, network: string, address4?: string) => ({
  name,
  kernel: { image: "tiny" },
  memoryBytes: 192 * MiB,
  nics: [{ name: "nic0", network, ...(address4 !== undefined && { address4 }) }],
});

const vm = (name: string) => daemon.client.call("getVm", { params: { vm: name } }, signal);
const addressOf = async (name: string) =>
  (await vm(name)).nics[0]?.address4 ?? assert.fail(`${name} has no address`);

async function power(verb: "startVm" | "suspendVm", name: string): Promise<void> {
  await succeeded(daemon.client, daemon.client.call(verb, { params: { vm: name } }, signal));
}

async function answering(...names: string[]): Promise<void> {
  for (const name of names) {
    await until(`${name}'s agent`, 90_000, async () =>
      (await vm(name)).agent === "answering" ? true : undefined,
    );
  }
}

/** What a script says in the guest, whether it succeeds or not. */
async function run(name: string, script: string): Promise<string> {
  const body = { argv: ["/bin/sh", "-c", `exec 2>&1\n${script}`], timeoutMs: 60_000 };
  const { stdoutBase64 } = await daemon.client.call("execInVm", { params: { vm: name }, body }, signal);
  return Buffer.from(stdoutBase64, "base64").toString().trim();
}

const serve = (name: string, port: number) =>
  run(name, `(while true; do echo "this is ${name}" | nc -l -p ${port}; done) >/dev/null 2>&1 </dev/null &`);
const ask = (from: string, host: string, port: number) => run(from, `nc -w 2 ${host} ${port} </dev/null`);
const reaches = async (from: string, host: string, port: number) =>
  (await ask(from, host, port)).includes("this is") ? true : undefined;
const reachesNot = async (from: string, host: string, port: number) =>
  (await reaches(from, host, port)) === undefined ? true : undefined;

test("an address is known before its guest runs, and is the one that the guest gets", { skip }, async () => {
  const known = await addressOf("a");
  assert.deepEqual((await vm("a")).addresses, [known]);

  await Promise.all(["a", "b", "c"].map((name) => power("startVm", name)));
  await answering("a", "b", "c");

  for (const name of ["a", "b", "c"]) {
    const address = await addressOf(name);
    await until(`${name} to have ${address}`, 20_000, async () =>
      (await run(name, "ip -4 addr show dev eth0")).includes(`inet ${address}/24`) ? true : undefined,
    );
  }
  assert.equal(await addressOf("c"), "10.99.0.9");
});

test("guests of a network reach each other by name, and those of another one do not", { skip }, async () => {
  const b = await addressOf("b");
  await serve("b", 8000);
  await serve("c", 8000);

  await until("b's word", 20_000, () => reaches("a", "b", 8000));
  assert.match(await run("a", "nslookup b"), new RegExp(`b\\.lan\\.internal\\s+Address.*${b}`));
  assert.equal(await reaches("c", b, 8000), undefined, "the same subnet, another network");
  assert.equal(await reaches("a", "10.99.0.9", 8000), undefined);
  assert.doesNotMatch(await run("c", "nslookup b"), new RegExp(b.replaceAll(".", "\\.")));
});

test("a guest reaches nothing on its host", { skip }, async () => {
  let visitors = 0;
  const server = createServer((socket) => void (visitors++, socket.end("this is the host\n"))).listen(
    0,
    "0.0.0.0",
  );
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const api = new URL(daemon.ready.apiUrl ?? assert.fail("the daemon has no URL")).port;
  const own = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const addresses = own.filter(({ family }) => family === "IPv4").map(({ address }) => address);
  try {
    assert.ok(
      addresses.some((address) => /^198\.1[89]\./.test(address)),
      "the transfer links are among them",
    );
    await run("a", "ip route add 127.0.0.0/8 via 10.99.0.1; ip address del 127.0.0.1/8 dev lo");
    for (const address of [...addresses, "10.99.0.1", "169.254.169.254"]) {
      const said = await run(
        "a",
        `for p in ${port} ${api}; do nc -w 1 ${address} $p </dev/null && echo open; done`,
      );
      assert.doesNotMatch(said, /open|this is/, `${address} answers`);
    }
    assert.equal(visitors, 0);
  } finally {
    server.close();
  }
});

async function read(port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  let text = "";
  socket.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  await new Promise((resolve) => socket.once("close", resolve).once("error", resolve));
  return text;
}

test("a forwarded port of the host leads to its guest", { skip }, async () => {
  const { client } = daemon;
  const free = createServer().listen(0, "127.0.0.1");
  await once(free, "listening");
  const { port: hostPort } = free.address() as AddressInfo;
  free.close();
  const forwards = [{ protocol: "tcp" as const, hostPort, address: await addressOf("b"), port: 8000 }];

  await succeeded(
    client,
    client.call("changeNetwork", { params: { network: "lan" }, body: { forwards } }, signal),
  );
  await until("b's word", 5_000, async () => ((await read(hostPort)) === "this is b\n" ? true : undefined));

  await succeeded(
    client,
    client.call("changeNetwork", { params: { network: "lan" }, body: { forwards: [] } }, signal),
  );
  assert.equal(await read(hostPort), "");
});

test("security groups hold for running guests within a second", { skip }, async () => {
  const { client } = daemon;
  const rules = (port: number) => [
    { direction: "in" as const, protocol: "tcp" as const, ports: { first: port } },
  ];
  await serve("b", 9000);
  await until("port 9000", 10_000, () => reaches("a", "b", 9000));
  await succeeded(
    client,
    client.call("createSecurityGroup", { body: { name: "web", rules: rules(8000) } }, signal),
  );
  const nics = [{ name: "nic0", network: "lan", groups: ["web"] }];
  const changed = await succeeded(
    client,
    client.call("changeVm", { params: { vm: "b" }, body: { nics } }, signal),
  );

  assert.equal(changed.note, undefined, "not at the next start");
  await until("port 9000 to be closed", 3_000, () => reachesNot("a", "b", 9000));
  assert.equal(await reaches("a", "b", 8000), true);

  await succeeded(
    client,
    client.call("changeSecurityGroup", { params: { group: "web" }, body: { rules: rules(9000) } }, signal),
  );
  const changedAt = performance.now();
  const lan = (await client.call("getNetwork", { params: { network: "lan" } }, signal)).id;
  await until("the kernel's rules", 1_000, () => (rulesOf(lan).includes("dport 9000") ? true : undefined));
  assert.ok(performance.now() - changedAt < 1_000);
  assert.equal(await reaches("a", "b", 9000), true);
  assert.equal(await reaches("a", "b", 8000), undefined);
  await assert.rejects(client.call("deleteSecurityGroup", { params: { group: "web" } }, signal), (error) =>
    isFault(error, "security_group.in_use"),
  );
});

const rulesOf = (network: string): string =>
  execFileSync(
    "nsenter",
    [`--net=${join(daemon.stateDirectory, "host/networks", network, "namespace")}`, "nft", "list", "ruleset"],
    { encoding: "utf8" },
  );

test(
  "guests and their rules do not notice that the daemon is killed and started again",
  { skip },
  async () => {
    const pids = await Promise.all(["a", "b", "c"].map(async (name) => (await vm(name)).pid));
    await run("b", "ping -i 1 a >/tmp/pings 2>&1 </dev/null &");
    await until("the first answer", 10_000, async () =>
      (await run("b", "cat /tmp/pings")).includes("seq=1") ? true : undefined,
    );

    await daemon.crash();
    await daemon.start();
    await answering("a", "b", "c");

    assert.deepEqual(await Promise.all(["a", "b", "c"].map(async (name) => (await vm(name)).pid)), pids);
    const seen = await run("b", "killall -INT ping; sleep 1; cat /tmp/pings");
    assert.match(seen, / 0% packet loss/);
    assert.equal(await reaches("a", "b", 9000), true);
    assert.equal(await reaches("a", "b", 8000), undefined);
  },
);

test("another daemon on this machine comes and goes without a trace", { skip }, async () => {
  await using second = await startDaemon();
  const { client } = second;
  const body = { name: "lan", ipv4: { subnet } };
  await succeeded(client, client.call("createNetwork", { body }, signal));

  await succeeded(client, client.call("deleteNetwork", { params: { network: "lan" } }, signal));

  assert.equal(await reaches("a", "b", 9000), true);
  const tables = execFileSync("nft", ["list", "tables"], { encoding: "utf8" });
  assert.match(tables, /^table inet serai$/m, "what keeps guests from the host");
});

test("a suspended guest comes back to its network", { skip }, async () => {
  await power("suspendVm", "c");
  await power("startVm", "c");
  await answering("c");

  assert.match(await run("c", "ping -c 1 -W 5 10.99.0.1"), / 0% packet loss/);
});

/** All that a daemon has of networks on its host. */
function remains(ids: readonly string[]): string[] {
  const networks = join(daemon.stateDirectory, "host/networks");
  const pins = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(networks));
  const processes = readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(networks);
    } catch {
      return false; // it ended
    }
  });
  const suffixes = ids.map((id) => id.slice("net-".length));
  const host =
    execFileSync("ip", ["-br", "link"], { encoding: "utf8" }) +
    execFileSync("nft", ["list", "tables"], { encoding: "utf8" });
  const named = host.split("\n").filter((line) => suffixes.some((suffix) => line.includes(suffix)));
  return [...readdirSync(networks), ...pins, ...processes, ...named];
}

test("a network in use is not deleted; after the last VM nothing of it remains", { skip }, async () => {
  const { client } = daemon;
  const { items } = await client.call("listNetworks", {}, signal);
  const ids = items.map(({ id }) => id);
  assert.ok(remains(ids).length > 0);
  await assert.rejects(client.call("deleteNetwork", { params: { network: "lan" } }, signal), (error) =>
    isFault(error, "network.in_use"),
  );

  for (const name of ["a", "b", "c"]) {
    await succeeded(
      client,
      client.call("deleteVm", { params: { vm: name }, query: { force: true } }, signal),
    );
  }
  for (const { name } of items)
    await succeeded(client, client.call("deleteNetwork", { params: { network: name } }, signal));

  assert.deepEqual(remains(ids), []);
});

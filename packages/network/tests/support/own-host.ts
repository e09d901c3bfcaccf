import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createLogger } from "@serai/kit/logger";
import { libc } from "@serai/linux/libc";
import { completeNetworkSpec } from "@serai/model/complete-network-spec";
import type { NetworkSpec, NicAttachment } from "@serai/model/network";
import { openNetworkDriver } from "../../src/namespace/open-network-driver.ts";
import type { NetworkDriver, NetworkWish } from "../../src/network-driver.ts";

/** Why these tests cannot run here; false when they can. */
export const skip =
  process.getuid?.() !== 0
    ? "making networks needs root"
    : ["/usr/sbin/nft", "/usr/sbin/dnsmasq"].every(existsSync)
      ? false
      : "nftables and dnsmasq-base are not installed";

export const logger = createLogger("test", process.env["SERAI_LOG"] ?? "silent");

let isOwn = false;

/** Moves this process into a network namespace of its own, which is "the host" for all that follows. */
export function becomeHost(): void {
  if (isOwn) return;
  const cloneNewNet = 0x40000000;
  assert.equal(libc().load("int unshare(int flags)")(cloneNewNet), 0);
  isOwn = true;
  run("ip link set lo up");
}

export type Host = AsyncDisposable & { driver: NetworkDriver; stateDirectory: string };

/** A driver on a host of its own. At its end all networks are removed, and nothing may be left. */
export async function openHost(): Promise<Host> {
  becomeHost();
  const stateDirectory = mkdtempSync(join(tmpdir(), "serai-network-"));
  chmodSync(stateDirectory, 0o711);
  const driver = await openNetworkDriver({ stateDirectory, logger }, signal());
  return {
    driver,
    stateDirectory,
    async [Symbol.asyncDispose]() {
      for (const { id, nics } of driver.list()) {
        for (const { vm, nic } of nics) await driver.unplug({ network: id, vm, nic }, signal());
        await driver.remove(id, signal());
      }
      driver.close();
      rmSync(stateDirectory, { recursive: true });
    },
  };
}

export const signal = (): AbortSignal => AbortSignal.timeout(60_000);

export function run(command: string): string {
  const [program = "", ...args] = command.split(" ");
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

let count = 0;

/** A fresh network; 10.77.0.0/24 with a range from .128, unless the test says otherwise. */
export function aWish(spec: Partial<NetworkSpec> = {}): NetworkWish {
  const id = `net-${(Date.now() * 100 + count++).toString(36).padStart(12, "0").slice(-12)}`;
  return {
    id,
    spec: completeNetworkSpec({ name: "lan", ipv4: { subnet: "10.77.0.0/24" }, domain: "lab.test", ...spec }),
  };
}

/** NIC number `n` of a network: MAC 52:00:00:00:00:n, address 10.77.0.n. */
export function aNic(network: string, n: number, fields: Partial<NicAttachment> = {}): NicAttachment {
  return {
    vm: `vm-${n}`,
    nic: "nic0",
    hostName: `guest${n}`,
    mac: `52:00:00:00:00:${n.toString(16).padStart(2, "0")}`,
    network,
    address4: `10.77.0.${n}`,
    groups: [],
    ...fields,
  };
}

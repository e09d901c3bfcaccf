import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import {
  createNetNamespace,
  inNetNamespace,
  unpinNetNamespace,
  type NetNamespace,
} from "@serai/linux/net-namespace";
import type { NetworkDriver } from "../../src/network-driver.ts";
import type { NicAttachment } from "@serai/model/network";
import { signal } from "./own-host.ts";

/** A guest without a machine: a process that holds the tap like QEMU does, and a namespace with the guest's own NIC. */
export type FakeGuest = AsyncDisposable & {
  namespace: NetNamespace;
  process: ChildProcess;
  /** Runs a shell line in the guest; its output, or an error. */
  sh(line: string): { ok: boolean; output: string };
  /** Starts one that goes on until the guest ends. */
  start(line: string): ChildProcess;
  /** Takes an address by DHCP. */
  dhcp(tries?: number): void;
  setAddress(address: string, gateway?: string): void;
};

export async function startGuest(driver: NetworkDriver, attachment: NicAttachment): Promise<FakeGuest> {
  const plugged = await driver.plug(attachment, signal());
  const directory = mkdtempSync(join(tmpdir(), "serai-guest-"));
  const pin = join(directory, "namespace");
  const namespace = createNetNamespace(pin);
  const relay = inNetNamespace(namespace, () =>
    spawn(process.execPath, [join(import.meta.dirname, "relay.ts")], {
      stdio: ["ignore", "pipe", "inherit", plugged.fd],
    }),
  );
  plugged.close();
  await once(relay.stdout as NodeJS.ReadableStream, "data");
  const children: ChildProcess[] = [relay];
  const sh = (line: string) => {
    const { status, stdout, stderr } = inNetNamespace(namespace, () =>
      spawnSync("sh", ["-c", line], { encoding: "utf8", timeout: 20_000 }),
    );
    return { ok: status === 0, output: stdout + stderr };
  };
  const must = (line: string) => {
    const { ok, output } = sh(line);
    if (!ok) throw new Error(`${line}: ${output}`);
  };
  must(`ip link set lo up; ip link set eth0 address ${attachment.mac} mtu ${plugged.mtu} up`);
  return {
    namespace,
    process: relay,
    sh,
    start(line) {
      const child = inNetNamespace(namespace, () =>
        spawn("sh", ["-c", line], { stdio: "ignore", detached: true }),
      );
      children.push(child);
      return child;
    },
    dhcp: (tries = 10) =>
      must(`busybox udhcpc -i eth0 -n -q -t ${tries} -T 1 -s ${join(import.meta.dirname, "udhcpc.sh")} 2>&1`),
    setAddress(address, gateway) {
      must(`ip addr add ${address} dev eth0`);
      if (gateway !== undefined) must(`ip route add default via ${gateway}`);
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        if (child === relay) child.kill("SIGKILL");
        else process.kill(-(child.pid ?? 0), "SIGKILL"); // with what the shell started
        await once(child, "exit");
      }
      namespace[Symbol.dispose]();
      unpinNetNamespace(pin);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

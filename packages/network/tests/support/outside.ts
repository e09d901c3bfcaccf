import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNetNamespace, inNetNamespace, unpinNetNamespace } from "@serai/linux/net-namespace";
import { run } from "./own-host.ts";

/** The world beyond the host: a namespace at 203.0.113.2, connected to the host's 203.0.113.1. */
export type Outside = AsyncDisposable & {
  run(command: string): string;
  /** Serves "hello from the outside" by HTTP on a port of the outside. */
  serve(port: number): void;
};

export function openOutside(): Outside {
  const directory = mkdtempSync(join(tmpdir(), "serai-outside-"));
  const pin = join(directory, "namespace");
  const namespace = createNetNamespace(pin);
  const children: ChildProcess[] = [];
  run(`ip link add name wan0 type veth peer name eth0 netns ${pin}`);
  run("ip addr add 203.0.113.1/24 dev wan0");
  run("ip -6 addr add 2001:db8::1/64 dev wan0 nodad");
  run("ip link set wan0 up");
  const inside = (command: string) => inNetNamespace(namespace, () => run(command));
  for (const line of [
    "link set lo up",
    "addr add 203.0.113.2/24 dev eth0",
    "-6 addr add 2001:db8::2/64 dev eth0 nodad",
    "link set eth0 up",
  ])
    inside(`ip ${line}`);
  writeFileSync(join(directory, "index.html"), "hello from the outside\n");
  return {
    run: inside,
    serve(port) {
      const argv = ["httpd", "-f", "-p", String(port), "-h", directory];
      children.push(inNetNamespace(namespace, () => spawn("busybox", argv, { stdio: "ignore" })));
    },
    async [Symbol.asyncDispose]() {
      for (const child of children) {
        child.kill("SIGKILL");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      }
      run("ip link del wan0");
      namespace[Symbol.dispose]();
      unpinNetNamespace(pin);
      rmSync(directory, { recursive: true });
    },
  };
}

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GuestImage } from "../manifest.ts";
import { JsonLines, until } from "./json-lines.ts";

/** A QEMU driven by hand, so that these tests judge the images and not Serai. */
export class BareQemu implements AsyncDisposable {
  serial = "";
  stderr = "";
  readonly startedAt = performance.now();
  readonly #child: ChildProcess;
  readonly #dir: string;
  #monitor: JsonLines | undefined;
  #agent: JsonLines | undefined;

  constructor(child: ChildProcess, dir: string) {
    this.#child = child;
    this.#dir = dir;
    child.stdout?.on("data", (bytes: Buffer) => (this.serial += bytes.toString("latin1")));
    child.stderr?.on("data", (bytes: Buffer) => (this.stderr += bytes.toString("latin1")));
  }

  /** Starts QEMU without KVM; `extra` is appended to its arguments. */
  static async start(extra: readonly string[], signal: AbortSignal): Promise<BareQemu> {
    const dir = await mkdtemp(join(tmpdir(), "serai-guest-"));
    const child = spawn(
      "qemu-system-x86_64",
      [
        ...["-accel", "tcg,thread=multi", "-cpu", "max", "-M", "q35", "-nodefaults", "-no-user-config"],
        ...["-display", "none", "-serial", "stdio", "-qmp", `unix:${dir}/qmp,server=on,wait=off`],
        ...["-device", "virtio-serial-pci", "-chardev", `socket,id=ga,path=${dir}/agent,server=on,wait=off`],
        ...["-device", "virtserialport,chardev=ga,name=org.qemu.guest_agent.0"],
        ...extra,
      ],
      { stdio: ["pipe", "pipe", "pipe"], signal, killSignal: "SIGKILL" },
    );
    child.on("error", () => {}); // an abort; exitCode tells
    return new BareQemu(child, dir);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  async monitor(signal: AbortSignal): Promise<JsonLines> {
    if (this.#monitor === undefined) {
      this.#monitor = await JsonLines.connect(join(this.#dir, "qmp"), signal);
      await this.#monitor.call("qmp_capabilities", {}, signal);
    }
    return this.#monitor;
  }

  /** The guest agent, once it has answered. */
  async agent(signal: AbortSignal): Promise<JsonLines> {
    if (this.#agent === undefined) {
      // what is sent before the guest opens its port waits in the socket, so one question is enough
      const agent = await JsonLines.connect(join(this.#dir, "agent"), signal);
      await agent.synchronize(signal).catch((cause: unknown) => {
        throw new Error(`the agent did not answer; the serial port said ${this.serial.slice(-1000)}`, {
          cause,
        });
      });
      this.#agent = agent;
    }
    return this.#agent;
  }

  /** Runs a shell command in the guest; resolves to its output and exit code. */
  async shell(script: string, signal: AbortSignal): Promise<{ exitCode: number; output: string }> {
    const agent = await this.agent(signal);
    const args = { path: "/bin/sh", arg: ["-c", script], "capture-output": true };
    const { pid } = (await agent.call("guest-exec", args, signal)) as { pid: number };
    for (;;) {
      const status = (await agent.call("guest-exec-status", { pid }, signal)) as ExecStatus;
      if (status.exited) {
        const output = Buffer.from(status["out-data"] ?? "", "base64").toString();
        return { exitCode: status.exitcode ?? -1, output };
      }
    }
  }

  /** Waits until the serial port has said what the pattern describes. */
  async says(pattern: RegExp, signal: AbortSignal): Promise<number> {
    await until(
      () => `${pattern} on the serial port (it said: ${this.serial.slice(-500)}; QEMU said: ${this.stderr})`,
      () => pattern.test(this.serial) || undefined,
      signal,
    );
    return performance.now() - this.startedAt;
  }

  async event(name: string, signal: AbortSignal): Promise<Record<string, unknown>> {
    const monitor = await this.monitor(signal);
    return until(
      () => `the event ${name}`,
      () => monitor.events.find((event) => event["event"] === name),
      signal,
    );
  }

  async ends(signal: AbortSignal): Promise<void> {
    await until(
      () => "QEMU's end",
      () => this.hasEnded || undefined,
      signal,
    );
  }

  /** CPU seconds that QEMU has used so far. */
  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#monitor?.close();
    this.#agent?.close();
    this.#child.kill("SIGKILL");
    await until(
      () => "QEMU's end",
      () => this.hasEnded || undefined,
      AbortSignal.timeout(10_000),
    );
    await rm(this.#dir, { recursive: true, force: true });
  }
}

type ExecStatus = { exited: boolean; exitcode?: number; "out-data"?: string };

/** How QEMU is told to start an image of the kind `kernel`. */
export function kernelArguments(image: GuestImage): string[] {
  const { kernel, initrd } = image.files;
  if (kernel === undefined) throw new Error(`${image.name} has no kernel`);
  return [
    ...["-kernel", kernel.path],
    ...(initrd ? ["-initrd", initrd.path] : []),
    ...(image.cmdline ? ["-append", image.cmdline] : []),
  ];
}

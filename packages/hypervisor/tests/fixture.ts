import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { randomUUID } from "node:crypto";
import { poll } from "@serai/kit/deadline";
import { newId } from "@serai/kit/id";
import { createLogger } from "@serai/kit/logger";
import type { VmSighting } from "@serai/model/vm";
import type { CompleteVmSpec } from "@serai/model/vm-spec";
import { waitForExit } from "@serai/linux/process-identity";
import { findProcessByToken } from "../src/process/find-by-token.ts";
import { findJail } from "../src/jail/jail.ts";
import type { LaunchPlan } from "../src/launch-plan.ts";
import { findQemu } from "../src/qemu-info.ts";
import { openVmDriver, type VmDriver, type VmDriverConfig } from "../src/vm-driver.ts";

const MiB = 1024 * 1024;
export const deadlineMs = 60_000;

export function specOf(change: Partial<CompleteVmSpec> = {}): CompleteVmSpec {
  return {
    name: "web",
    description: "",
    labels: {},
    cpus: 1,
    memoryBytes: 64 * MiB,
    firmware: "bios",
    disks: [],
    nics: [],
    display: "none",
    hasAgent: true,
    hasRng: true,
    hasBalloon: true,
    hasWatchdog: true,
    policy: { onShutdown: "stop", onPanic: "restart", onHang: "restart", onCrash: "restart" },
    ...change,
  };
}

/** A VM's directory with the drivers that a test opens for it. Leaves no process and no file. */
export class DriverFixture implements AsyncDisposable {
  readonly vm = newId("vm");
  readonly sightings: VmSighting[] = [];
  readonly root: string;
  readonly #overrides: Partial<VmDriverConfig>;
  readonly #pids = new Set<number>();
  #driver: VmDriver | undefined;

  constructor(root: string, overrides: Partial<VmDriverConfig>) {
    this.root = root;
    this.#overrides = overrides;
  }

  static async create(overrides: Partial<VmDriverConfig> = {}): Promise<DriverFixture> {
    const base = await mkdtemp(join(tmpdir(), "serai-hv-"));
    const root = join(base, "vms");
    await mkdir(root);
    for (const folder of [base, root]) await chmod(folder, 0o711); // a VM's own user passes through
    const { path, version } = await findQemu({ cacheDir: join(base, "cache") }, patience());
    const { jail } = await findJail(patience());
    return new DriverFixture(root, { qemu: { path, version }, ...(jail && { jail }), ...overrides });
  }

  get directory(): string {
    return join(this.root, this.vm);
  }

  get config(): VmDriverConfig {
    return {
      directory: this.directory,
      qemu: { path: "", version: "" },
      accelerator: "tcg",
      logger: createLogger("test", "silent"),
      onChange: (sighting) => {
        this.sightings.push(sighting);
        if (sighting.pid !== undefined) this.#pids.add(sighting.pid);
      },
      ...this.#overrides,
    };
  }

  plan(spec: Partial<CompleteVmSpec> = {}, more: Partial<LaunchPlan> = {}): LaunchPlan {
    return {
      vm: this.vm,
      uuid: randomUUID(),
      generation: 3,
      resetCount: 0,
      machineType: "pc-q35-7.2",
      spec: specOf(spec),
      disks: [],
      ...more,
    };
  }

  async open(): Promise<VmDriver> {
    this.#driver = await openVmDriver(this.config, AbortSignal.timeout(deadlineMs));
    const { pid } = this.#driver.sighting();
    if (pid !== undefined) this.#pids.add(pid);
    return this.#driver;
  }

  /** As when the daemon ends: connections go, QEMU stays. */
  async reopen(): Promise<VmDriver> {
    await this.#driver?.close();
    return this.open();
  }

  until(what: string, look: (sighting: VmSighting) => boolean): Promise<VmSighting> {
    const driver = this.#driver;
    if (driver === undefined) throw new Error("no driver is open");
    return eventually(`${what}; last seen: ${JSON.stringify(driver.sighting())}`, () =>
      look(driver.sighting()) ? driver.sighting() : undefined,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#driver?.close();
    for (const pid of this.#pids) {
      if ((await argumentsOf(pid)).includes(this.vm)) kill(pid);
    }
    // One that no driver knew is a failure, and must not outlive the test that shows it.
    for (
      let lost = findProcessByToken(`${this.vm}.`);
      lost !== undefined;
      lost = findProcessByToken(`${this.vm}.`)
    ) {
      kill(lost.pid);
      await waitForExit(lost, deadlineMs, patience());
    }
    await rm(dirname(this.root), { recursive: true, force: true });
  }
}

/** Ends a process that may be ending by itself at this moment. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

export async function argumentsOf(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
}

/** True while the process exists and has not ended. */
export async function isRunning(pid: number): Promise<boolean> {
  return (await argumentsOf(pid)) !== "";
}

/**
 * Makes a process crash by its own doing, as a bug would: the C library's code is no code any more. A signal from
 * outside would not do, because the first process of a namespace is deaf to most.
 */
export function crash(pid: number): void {
  const maps = readFileSync(`/proc/${pid}/maps`, "latin1");
  const [, from = "", to = ""] = /^(\w+)-(\w+) r-xp .*\/libc\.so\.6$/m.exec(maps) ?? [];
  const start = Number.parseInt(from, 16);
  const memory = openSync(`/proc/${pid}/mem`, "r+");
  try {
    const noCode = Buffer.alloc(Number.parseInt(to, 16) - start, Buffer.of(0x0f, 0x0b)); // ud2
    writeSync(memory, noCode, 0, noCode.length, start);
  } finally {
    closeSync(memory);
  }
}

export function eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = {
    ms: deadlineMs,
    everyMs: 5,
    code: "request.timeout",
    message: `waited in vain for ${what}`,
  } as const;
  return poll(deadline, new AbortController().signal, look);
}

export const exists = existsSync;
export const patience = (): AbortSignal => AbortSignal.timeout(deadlineMs);

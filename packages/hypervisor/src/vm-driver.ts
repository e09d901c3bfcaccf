import { rmSync } from "node:fs";
import path from "node:path";
import type { Duplex } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import { delay, withDeadline } from "@serai/kit/deadline";
import { errorChain, Fault } from "@serai/kit/fault";
import { bootId, type ProcessIdentity } from "@serai/linux/process-identity";
import type { VmUsage } from "@serai/model/host";
import type { VmExit, VmSighting } from "@serai/model/vm";
import type { AgentSession } from "@serai/qmp/agent-session";
import { adoptLiveVm, findRecordedProcess } from "./adopt-live-vm.ts";
import { askToShutDown } from "./ask-to-shut-down.ts";
import { judgeRun } from "./judge-run.ts";
import type { LaunchPlan } from "./launch-plan.ts";
import { LiveVm } from "./live-vm.ts";
import { giveToQemu, prepareDirectory, removeSockets } from "./prepare-directory.ts";
import { readExitStatus, type ExitStatus } from "./process/exit-status.ts";
import { adoptQemu, type QemuProcess } from "./process/qemu-process.ts";
import { forgetRun, readExit, readRun, writeExit, type RunRecord } from "./run-record.ts";
import { sampleUsage } from "./sample-usage.ts";
import { takeScreenshot } from "./screenshot.ts";
import { sight } from "./sight.ts";
import { useSavedMemory, type SavedMemory } from "./snapshot/use-saved-memory.ts";
import { newRun, startLiveVm } from "./start-live-vm.ts";
import { otherAccelerator, planAsSuspended } from "./suspend/plan-as-suspended.ts";
import { suspendLiveVm } from "./suspend/suspend-live-vm.ts";
import { cleanSuspended, discardSuspended, readSuspended } from "./suspend/suspended-state.ts";
import { vmDirectory, type VmDirectory } from "./vm-directory.ts";
import type { VmDriver, VmDriverConfig } from "./vm-driver-types.ts";

export type { VmDriver, VmDriverConfig } from "./vm-driver-types.ts";

/** Opens a VM's directory: adopts a QEMU that still runs, or works out how it ended while nobody watched. */
export async function openVmDriver(config: VmDriverConfig, signal: AbortSignal): Promise<VmDriver> {
  const driver = new Driver(config);
  await driver.recover(signal);
  return driver;
}

type Notes = { generation: number; resetCount: number; provisionedGeneration: number };

const launchWithinMs = 120_000;
const usageWithinMs = 2_000;
/** From the end of QEMU's monitor to the end of QEMU. */
const monitorGraceMs = 2_000;
const monitorRetryMs = 5_000;

class Driver implements VmDriver {
  readonly #config: VmDriverConfig;
  readonly #directory: VmDirectory;
  readonly #vm: string;
  #live: LiveVm | undefined;
  /** Resolves when the end of the current run is on record. */
  #finished: Promise<void> = Promise.resolve();
  #isSuspended: boolean;
  #exit: VmExit | undefined;
  #notes: Notes;
  #told: VmSighting | undefined;

  constructor(config: VmDriverConfig) {
    this.#config = config;
    this.#vm = path.basename(config.directory);
    this.#directory = vmDirectory(config.directory);
    const suspended = readSuspended(this.#directory);
    this.#isSuspended = suspended !== undefined;
    this.#exit = readExit(this.#directory)?.exit;
    const { generation, resetCount } = readRun(this.#directory)?.plan ??
      suspended?.plan ?? { generation: this.#exit?.generation ?? 0, resetCount: 0 };
    this.#notes = { generation, resetCount, provisionedGeneration: 0 };
  }

  /** Finds out what became of the run that an earlier daemon recorded. */
  async recover(signal: AbortSignal): Promise<void> {
    const record = readRun(this.#directory);
    if (record === undefined) return this.#clean();
    if (readExit(this.#directory)?.token === record.token) {
      forgetRun(this.#directory, record.token); // its end is known
      return this.#clean();
    }
    const live = this.#createLive(record);
    const identity = record.bootId === bootId() ? await findRecordedProcess(live, signal) : undefined;
    if (identity === undefined) {
      const corpse = record.process && readExitStatus(record.process);
      return this.#conclude(live, corpse, false);
    }
    await this.#takeOver(live, identity, signal);
  }

  sighting(): VmSighting {
    const live = this.#live;
    const run = live && {
      record: live.record,
      status: live.status,
      agent: live.record.plan.spec.hasAgent ? (live.agentWatch?.state ?? "silent") : "none",
      addresses: live.agentWatch?.addresses ?? [],
    };
    return sight({ vm: this.#vm, run, isSuspended: this.#isSuspended, exit: this.#exit, notes: this.#notes });
  }

  async launch(plan: LaunchPlan, signal: AbortSignal): Promise<void> {
    if (this.#live !== undefined) throw new Fault("vm.wrong_state", "The VM is running already.");
    const suspended = readSuspended(this.#directory);
    if (suspended !== undefined && suspended.accelerator !== this.#config.accelerator)
      throw otherAccelerator(suspended.accelerator);
    const { generation, resetCount } = plan;
    const effective = suspended === undefined ? plan : planAsSuspended(suspended.plan, plan);
    const live = this.#createLive(
      newRun(effective, suspended === undefined ? "launching" : "restoring", this.#config),
    );
    prepareDirectory(this.#directory, effective, this.#config);
    this.#notes = { ...this.#notes, generation, resetCount };
    live.save();
    this.#live = live;
    this.#tell();
    try {
      await withDeadline(
        {
          ms: launchWithinMs,
          code: "vm.start_failed",
          message: `QEMU did not start the VM within ${launchWithinMs / 1000} s.`,
        },
        signal,
        (inner) => startLiveVm(live, this.#config, (process) => this.#follow(live, process), inner),
      );
    } catch (error) {
      await this.#undoLaunch(live);
      throw error;
    }
    this.#watchMonitor(live);
    this.#isSuspended = false;
    this.#exit = undefined;
    rmSync(this.#directory.exit, { force: true });
    this.#tell();
  }

  async pause(signal: AbortSignal): Promise<void> {
    await this.#running().pause(signal);
  }

  async resume(signal: AbortSignal): Promise<void> {
    await this.#running().continue(signal);
  }

  async reset(resetCount: number, signal: AbortSignal): Promise<void> {
    const live = this.#running();
    await live.reset(signal);
    live.save({ resetCount });
    this.#notes = { ...this.#notes, resetCount };
    this.#tell();
  }

  async shutDown(signal: AbortSignal): Promise<void> {
    const live = this.#running();
    live.save({ isStopping: true });
    this.#tell();
    await askToShutDown(live, signal);
  }

  async kill(signal: AbortSignal): Promise<void> {
    const live = this.#live;
    if (live === undefined) return;
    live.save({ isKilling: true });
    this.#tell();
    const deadline = {
      ms: 60_000,
      code: "process.still_running",
      message: "QEMU did not end within a minute of being killed.",
    } as const;
    await withDeadline(deadline, signal, async () => {
      live.process?.kill(); // as a plug is pulled: nothing in QEMU is asked to agree
      await this.#finished;
    });
  }

  async suspend(signal: AbortSignal): Promise<void> {
    const live = this.#running();
    const suspending = suspendLiveVm(live, (socketPath) => giveToQemu(socketPath, this.#config), signal);
    this.#tell();
    try {
      await suspending;
    } finally {
      this.#tell();
    }
    this.#isSuspended = true;
    await live.end();
    await this.#finished;
  }

  async discardSuspend(_signal: AbortSignal): Promise<void> {
    if (this.#live !== undefined) throw new Fault("vm.wrong_state", "The VM is running.");
    discardSuspended(this.#directory);
    this.#isSuspended = false;
    this.#tell();
  }

  async remove(_signal: AbortSignal): Promise<void> {
    if (this.#live !== undefined) throw new Fault("vm.wrong_state", "The VM is running; kill it first.");
    rmSync(this.#directory.root, { recursive: true, force: true });
    this.#isSuspended = false;
    this.#exit = undefined;
    this.#notes = { generation: 0, resetCount: 0, provisionedGeneration: 0 };
    this.#tell();
  }

  live(): LiveVm | undefined {
    return this.#live?.record.phase === "up" ? this.#live : undefined;
  }

  useMemory(memory: SavedMemory): void {
    if (this.#live !== undefined) throw new Fault("vm.wrong_state", "The VM is running.");
    useSavedMemory(this.#directory.root, memory);
    this.#isSuspended = true;
  }

  agent(): AgentSession {
    const { agent, record } = this.#running();
    if (agent === undefined) {
      throw new Fault(
        "vm.agent_unavailable",
        `VM ${record.plan.spec.name} has no agent channel; set hasAgent and start it again.`,
      );
    }
    return agent;
  }

  async screenshot(signal: AbortSignal): Promise<Uint8Array> {
    const live = this.#running();
    this.#needDisplay(live.record);
    return takeScreenshot(live.session, this.#directory, signal);
  }

  async openStream(kind: "serial" | "display", signal: AbortSignal): Promise<Duplex> {
    const live = this.#running();
    if (kind === "serial") {
      if (live.serial === undefined) throw new Fault("vm.wrong_state", "The VM is just starting; try again.");
      return live.serial.open(signal);
    }
    this.#needDisplay(live.record);
    return live.dial(this.#directory.vnc, signal);
  }

  async usage(): Promise<VmUsage | undefined> {
    const live = this.#live;
    return live?.record.phase === "up" ? sampleUsage(live, AbortSignal.timeout(usageWithinMs)) : undefined;
  }

  note(patch: { provisionedGeneration?: number }): void {
    this.#notes = { ...this.#notes, ...patch };
    this.#tell();
  }

  async close(): Promise<void> {
    await this.#live?.detach();
  }

  #createLive(record: RunRecord): LiveVm {
    const { logger, agentTiming = {}, monitorTiming } = this.#config;
    return new LiveVm({
      record,
      directory: this.#directory,
      agentTiming,
      ...(monitorTiming !== undefined && { monitorOpenMs: monitorTiming.openMs }),
      logger,
      onChange: () => this.#tell(),
    });
  }

  #running(): LiveVm {
    const live = this.#live;
    if (live?.record.phase === "up") return live;
    throw new Fault("vm.wrong_state", "The VM is not running; start it first.");
  }

  #needDisplay({ plan }: RunRecord): void {
    if (plan.spec.display === "vga") return;
    throw new Fault(
      "vm.device_unavailable",
      `VM ${plan.spec.name} has no display; set display to vga and start it again.`,
    );
  }

  /** Connects to a QEMU that runs. One that does not answer is left alone, seen as unknown, and tried again. */
  async #takeOver(live: LiveVm, identity: ProcessIdentity, signal: AbortSignal): Promise<void> {
    this.#live = live;
    live.process ??= adoptQemu(identity, live.outOfTouch, live.detached);
    this.#follow(live, live.process);
    try {
      const isKept = await adoptLiveVm(live, identity, signal);
      if (isKept) this.#watchMonitor(live);
      else await this.#finished;
      this.#tell();
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      this.#config.logger.error({ vm: this.#vm, error: errorChain(error) }, "a VM's QEMU does not answer");
      this.#loseTouch(live);
    }
  }

  /** QEMU's end closes its monitor. A monitor that closes without it leaves a guest that nobody can manage. */
  #watchMonitor(live: LiveVm): void {
    const check = async () => {
      const isGone = live.process?.ended.then(() => true);
      const timeIsUp = delay(monitorGraceMs, live.detached).then(() => false);
      if (!(await Promise.race([isGone, timeIsUp]))) this.#loseTouch(live);
    };
    void live.outOfTouch.then(() => check().catch(() => {})); // let go of meanwhile: nothing to watch
  }

  #loseTouch(live: LiveVm): void {
    const { process } = live;
    if (this.#live !== live || live.detached.aborted || process === undefined) return;
    void live.detach();
    const mute = this.#createLive(live.record);
    mute.giveUp();
    mute.process = process.isChild ? process : adoptQemu(process.identity, mute.outOfTouch, mute.detached);
    this.#live = mute;
    this.#follow(mute, mute.process);
    this.#tell();
    delay(this.#config.monitorTiming?.retryMs ?? monitorRetryMs, mute.detached).then(
      () => this.#retakeOver(mute),
      () => {}, // let go of meanwhile
    );
  }

  async #retakeOver(mute: LiveVm): Promise<void> {
    const { process, record } = mute;
    if (this.#live !== mute || process === undefined) return;
    await mute.detach();
    const live = this.#createLive(record);
    if (process.isChild) live.process = process;
    await this.#takeOver(live, process.identity, live.detached).catch(() => {}); // let go of meanwhile
  }

  #follow(live: LiveVm, process: QemuProcess): void {
    this.#finished = process.ended.then((status) => {
      if (this.#live !== live || live.detached.aborted) return;
      this.#conclude(live, status, process.isChild || live.wasInTouch);
    });
  }

  /** Puts a run's end on record, then tells it. */
  #conclude(live: LiveVm, status: ExitStatus | undefined, wasWatched: boolean): void {
    const { record } = live;
    const directory = this.#directory;
    this.#isSuspended = readSuspended(directory) !== undefined;
    // A launch that never got to its guest is no run, and one that suspended has not ended.
    if (record.phase === "launching" || this.#isSuspended) forgetRun(directory, record.token);
    else {
      const exit = judgeRun({
        record,
        directory,
        status,
        wasWatched,
        oomKills: this.#config.cgroup?.oomKills(),
      });
      this.#exit = exit;
      writeExit(directory, { token: record.token, exit });
    }
    this.#live = undefined;
    this.#clean();
    void live.detach();
    this.#tell();
  }

  /** Nothing of the failed launch stays: no process, record or socket. */
  async #undoLaunch(live: LiveVm): Promise<void> {
    if (live.process === undefined) {
      if (this.#live === live) this.#conclude(live, undefined, true);
    } else {
      await live.end(0);
      await this.#finished;
    }
    for (const file of [this.#directory.log, this.#directory.serialLog]) rmSync(file, { force: true });
  }

  #clean(): void {
    removeSockets(this.#directory);
    cleanSuspended(this.#directory);
  }

  #tell(): void {
    const sighting = this.sighting();
    if (isDeepStrictEqual(sighting, this.#told)) return;
    this.#told = sighting;
    this.#config.onChange(sighting);
  }
}

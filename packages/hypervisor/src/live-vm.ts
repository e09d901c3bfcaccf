import type { Socket } from "node:net";
import { withDeadline } from "@serai/kit/deadline";
import type { Logger } from "@serai/kit/logger";
import type { VmTrouble } from "@serai/model/vm";
import { openAgentSession, type AgentSession } from "@serai/qmp/agent-session";
import type { QmpEvent } from "@serai/qmp/qmp-types";
import { openQmpSession, type QmpSession } from "@serai/qmp/session";
import { AgentWatch, defaultAgentTiming, type AgentTiming } from "./agent-watch.ts";
import { agentPort } from "./argv/agent.ts";
import { qemuName } from "./argv/machine.ts";
import { connectToQemu } from "./process/connect-to-qemu.ts";
import { lastWords } from "./process/last-words.ts";
import type { QemuProcess } from "./process/qemu-process.ts";
import { writeRun, type RunRecord } from "./run-record.ts";
import { readLogTail, trimLog } from "./serial/log-file.ts";
import { SerialHub } from "./serial/serial-hub.ts";
import { watchLog } from "./serial/watch-log.ts";
import type { VmDirectory } from "./vm-directory.ts";

const logLimitBytes = 4 * 1024 * 1024;
const historyBytes = 64 * 1024;
const endWithinMs = 3_000;
/** A loaded machine needs its time to start a process. */
const monitorOpenMs = 60_000;

export type LiveVmInput = {
  record: RunRecord;
  directory: VmDirectory;
  agentTiming: Partial<AgentTiming>;
  monitorOpenMs?: number;
  logger: Logger;
  onChange: () => void;
};

/** What QEMU says about the guest: `query-status`, kept current by events. `waiting` until it has said anything. */
export type GuestStatus = "waiting" | "running" | "paused";

/** One QEMU while it runs: its monitor, its serial port, its agent, and the record of them. */
export class LiveVm {
  readonly record: RunRecord;
  readonly directory: VmDirectory;
  readonly #input: LiveVmInput;
  #process: QemuProcess | undefined;
  #session: QmpSession | undefined;
  #serial: SerialHub | undefined;
  #agent: AgentSession | undefined;
  #watch: AgentWatch | undefined;
  #status: GuestStatus = "waiting";
  #serialBytes = 0;
  #logWatch: Disposable | undefined;
  readonly #detached = new AbortController();
  readonly #outOfTouch = Promise.withResolvers<void>();

  constructor(input: LiveVmInput) {
    this.#input = input;
    this.record = input.record;
    this.directory = input.directory;
  }

  get status(): GuestStatus {
    return this.#status;
  }

  get process(): QemuProcess | undefined {
    return this.#process;
  }

  set process(process: QemuProcess) {
    this.#process = process;
  }

  get session(): QmpSession {
    if (this.#session === undefined) throw new Error("QEMU's monitor is not connected yet");
    return this.#session;
  }

  get serial(): SerialHub | undefined {
    return this.#serial;
  }

  get agent(): AgentSession | undefined {
    return this.#agent;
  }

  get agentWatch(): AgentWatch | undefined {
    return this.#watch;
  }

  /** Fires once somebody let go of this VM on purpose: what its connections say then means nothing. */
  get detached(): AbortSignal {
    return this.#detached.signal;
  }

  /** True if QEMU's monitor has ever answered us. */
  get wasInTouch(): boolean {
    return this.#session !== undefined;
  }

  /** Resolves when QEMU's monitor is not, or no longer, connected. */
  get outOfTouch(): Promise<void> {
    return this.#outOfTouch.promise;
  }

  /** Says that nobody will connect: all that is known is the process. */
  giveUp(): void {
    this.#outOfTouch.resolve();
  }

  /** Writes down what must survive us. */
  save(change: Partial<RunRecord> = {}): void {
    Object.assign(this.record, change);
    writeRun(this.directory, this.record);
  }

  forget(...keys: ("isStopping" | "isKilling" | "isSuspending" | "trouble")[]): void {
    if (keys.every((key) => this.record[key] === undefined)) return;
    for (const key of keys) delete this.record[key];
    this.save();
  }

  /** Connects to monitor and serial port; the guest may be running already. */
  async connect(signal: AbortSignal): Promise<void> {
    try {
      const openTimeoutMs = this.#input.monitorOpenMs ?? monitorOpenMs;
      const deadline = {
        ms: openTimeoutMs,
        code: "qmp.timeout",
        message: "QEMU did not open its monitor in time.",
      } as const;
      this.#session = await openQmpSession(
        {
          socket: await withDeadline(deadline, signal, (inner) => this.dial(this.directory.monitor, inner)),
          stderrTail: () => lastWords(this.directory.log),
          onEvent: (event) => this.#hear(event),
          openTimeoutMs,
        },
        signal,
      );
      void this.#session.ended.then(() => this.giveUp());
      await this.#connectDevices(signal);
    } catch (error) {
      this.giveUp();
      throw error;
    }
  }

  async #connectDevices(signal: AbortSignal): Promise<void> {
    const { directory, record } = this;
    this.#logWatch = watchLog(directory.log, logLimitBytes);
    const history = record.phase === "up" ? readLogTail(directory.serialLog, historyBytes) : Buffer.alloc(0);
    this.#serial = new SerialHub(await this.dial(directory.serial, signal), history, (count) =>
      this.#countSerial(count),
    );
    if (record.plan.spec.hasAgent) {
      this.#agent = openAgentSession({
        socketPath: directory.agent,
        connect: (socketPath, inner) => this.dial(socketPath, inner),
      });
      this.#watch = new AgentWatch({
        agent: this.#agent,
        timing: { ...defaultAgentTiming, ...this.#input.agentTiming },
        onChange: this.#input.onChange,
        onHang: () => this.#noteTrouble("guest_hang"),
      });
    }
  }

  /** Connects to one of QEMU's sockets, and to nobody else. */
  dial(socketPath: string, signal: AbortSignal): Promise<Socket> {
    if (this.#process === undefined) throw new Error("there is no QEMU to connect to");
    return connectToQemu(socketPath, this.#process, signal);
  }

  /** True if whoever answers on the monitor is the QEMU of our record. */
  async isOurs(signal: AbortSignal): Promise<boolean> {
    const { plan, token } = this.record;
    const [name, uuid] = await Promise.all([
      this.session.execute("query-name", {}, {}, signal),
      this.session.execute("query-uuid", {}, {}, signal),
    ]);
    return name.name === qemuName(plan.vm, token) && uuid.UUID === plan.uuid;
  }

  /** Asks for what events told an earlier daemon. */
  async catchUp(signal: AbortSignal): Promise<string> {
    const { status } = await this.session.execute("query-status", {}, {}, signal);
    if (status === "guest-panicked") this.#noteTrouble("guest_panic");
    if (status === "watchdog" || status === "internal-error") this.#noteTrouble("guest_hang");
    this.#noteStatus(
      status === "running"
        ? "running"
        : status === "prelaunch" || status === "inmigrate"
          ? "waiting"
          : "paused",
    );
    if (this.#watch !== undefined) {
      const ports = await this.session.execute("query-chardev", {}, {}, signal);
      this.#watch.notePort(ports.some((port) => port.label === "agent" && port["frontend-open"]));
    }
    return status;
  }

  /** Lets the guest run. */
  async continue(signal: AbortSignal): Promise<void> {
    await this.session.execute("cont", {}, {}, signal);
    this.#noteStatus("running");
  }

  /** Resets the machine; one that stood still because of trouble runs again. */
  async reset(signal: AbortSignal): Promise<void> {
    const wasInTrouble = this.record.trouble !== undefined;
    await this.session.execute("system_reset", {}, {}, signal);
    if (wasInTrouble) await this.continue(signal);
    this.forget("trouble", "isStopping");
    this.#input.onChange();
  }

  async pause(signal: AbortSignal): Promise<void> {
    await this.session.execute("stop", {}, {}, signal);
    this.#noteStatus("paused");
  }

  /**
   * Ends the process and resolves when it is gone. QEMU gets a moment to write back what it holds; one that cannot is
   * killed.
   */
  async end(graceMs = endWithinMs): Promise<void> {
    const { process } = this;
    if (process === undefined) return;
    const killer = setTimeout(() => process.kill(), this.#session === undefined ? 0 : graceMs);
    const patience = new AbortController();
    this.#session?.execute("quit", {}, {}, patience.signal).catch(() => {}); // the process's end is the answer
    await process.ended;
    patience.abort();
    clearTimeout(killer);
  }

  /** Lets go of all connections; QEMU lives on. */
  async detach(): Promise<void> {
    this.#detached.abort();
    this.#watch?.[Symbol.dispose]();
    this.#serial?.[Symbol.dispose]();
    this.#logWatch?.[Symbol.dispose]();
    await Promise.all([this.#session?.[Symbol.asyncDispose](), this.#agent?.[Symbol.asyncDispose]()]);
  }

  #hear(event: QmpEvent): void {
    switch (event.event) {
      case "RESUME":
        return this.#noteStatus("running");
      case "STOP":
        return this.#noteStatus("paused");
      case "RESET":
        return this.#noteReset();
      case "SHUTDOWN":
        if (event.data.reason === "guest-shutdown") this.#noteGuestShutDown();
        return;
      case "GUEST_PANICKED":
        return this.#noteTrouble("guest_panic");
      case "WATCHDOG":
        return this.#noteTrouble("guest_hang");
      case "VSERPORT_CHANGE":
        if (event.data.id === agentPort) this.#watch?.notePort(event.data.open);
        return;
      case "BLOCK_IO_ERROR":
        this.#input.logger.warn({ vm: this.record.plan.vm, data: event.data }, "a disk reported an error");
        return;
      default:
    }
  }

  #noteStatus(status: GuestStatus): void {
    this.#status = status;
    this.#watch?.noteRunning(status === "running");
    this.#input.onChange();
  }

  /** A reboot is an answer to neither a shutdown request nor a hang: whatever was the matter is over. */
  #noteReset(): void {
    if (this.record.phase !== "up") return; // every machine is reset once before it runs
    this.forget("isStopping", "trouble");
    this.#watch?.noteReset();
    this.#input.onChange();
  }

  /** QEMU waits, so that the reason is known even if we were not there to hear it. */
  #noteGuestShutDown(): void {
    if (this.record.hasGuestShutDown || this.record.isKilling) return;
    this.save({ hasGuestShutDown: true });
    void this.end(30_000);
  }

  #noteTrouble(kind: VmTrouble["kind"]): void {
    if (this.record.trouble !== undefined || this.record.isKilling) return;
    this.save({ trouble: { kind, at: new Date().toISOString() } });
    this.#input.logger.warn({ vm: this.record.plan.vm, kind }, "the guest is in trouble");
    this.#input.onChange();
  }

  #countSerial(count: number): void {
    this.#serialBytes += count;
    if (this.#serialBytes < logLimitBytes / 4) return;
    this.#serialBytes = 0;
    trimLog(this.directory.serialLog, logLimitBytes);
  }
}

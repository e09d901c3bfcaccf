import { isFault } from "@serai/kit/fault";
import type { AgentState } from "@serai/model/vm";
import { pingAgent, readGuestInterfaces } from "@serai/qmp/agent-calls";
import type { AgentSession } from "@serai/qmp/agent-session";

export type AgentTiming = {
  /** Between looks at an agent that answers. */
  refreshMs: number;
  /** The first look again; doubles up to `refreshMs`, because addresses come soon after the agent. */
  firstRefreshMs: number;
  /** How long one look may take. */
  answerMs: number;
  /** Silence, after having answered, that counts as a guest that hangs. */
  hangMs: number;
};

export const defaultAgentTiming: AgentTiming = {
  refreshMs: 30_000,
  firstRefreshMs: 1_000,
  answerMs: 10_000,
  hangMs: 120_000,
};

export type AgentWatchOptions = {
  agent: AgentSession;
  timing: AgentTiming;
  onChange: () => void;
  /** The agent's port is open, it has answered before, the guest is running, and it says nothing any more. */
  onHang: () => void;
};

/** Follows one guest's agent: whether it answers, and which addresses the guest has. */
export class AgentWatch implements Disposable {
  readonly #options: AgentWatchOptions;
  #state: AgentState = "silent";
  #addresses: string[] = [];
  #isPortOpen = false;
  #isGuestRunning = true;
  #lastAnswerAt: number | undefined;
  #pauseMs: number;
  #timer: NodeJS.Timeout | undefined;
  #looking: AbortController | undefined;
  #isDisposed = false;

  constructor(options: AgentWatchOptions) {
    this.#options = options;
    this.#pauseMs = options.timing.firstRefreshMs;
  }

  get state(): AgentState {
    return this.#state;
  }

  get addresses(): string[] {
    return this.#addresses;
  }

  /** The guest opened or closed the agent's port. */
  notePort(isOpen: boolean): void {
    this.#isPortOpen = isOpen;
    this.#forget();
    if (isOpen) this.#lookNow();
  }

  /** The guest was reset: its agent comes back by opening the port anew, or has never closed it. */
  noteReset(): void {
    this.#forget();
    if (this.#isPortOpen) this.#lookIn(this.#pauseMs);
  }

  noteRunning(isRunning: boolean): void {
    if (this.#isGuestRunning === isRunning) return;
    this.#isGuestRunning = isRunning;
    // A guest that stood still could not answer: its silence begins now.
    if (this.#lastAnswerAt !== undefined) this.#lastAnswerAt = performance.now();
    if (isRunning && this.#isPortOpen) this.#lookNow();
    else this.#stop();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#stop();
  }

  #forget(): void {
    this.#stop();
    this.#options.agent.interrupt();
    this.#lastAnswerAt = undefined;
    this.#pauseMs = this.#options.timing.firstRefreshMs;
    this.#note("silent", []);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#looking?.abort();
    this.#looking = undefined;
  }

  #lookNow(): void {
    this.#stop();
    if (!this.#isDisposed && this.#isGuestRunning) void this.#look();
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#isDisposed) return;
    this.#timer = setTimeout(() => this.#lookNow(), ms);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const looking = new AbortController();
    this.#looking = looking;
    const { agent, timing } = this.#options;
    const isAnswering = await answers(() => pingAgent(agent, timing.answerMs, looking.signal));
    if (looking.signal.aborted) return;
    if (isAnswering) {
      this.#lastAnswerAt = performance.now();
      this.#note("answering", this.#addresses);
      const addresses = await readAddresses(agent, looking.signal);
      if (looking.signal.aborted) return;
      this.#note("answering", addresses ?? this.#addresses);
      this.#lookIn(this.#pauseMs);
      this.#pauseMs = Math.min(this.#pauseMs * 2, timing.refreshMs);
      return;
    }
    this.#note("silent", this.#addresses);
    if (this.#lastAnswerAt !== undefined && performance.now() - this.#lastAnswerAt >= timing.hangMs)
      this.#options.onHang();
    this.#lookIn(timing.firstRefreshMs);
  }

  #note(state: AgentState, addresses: string[]): void {
    this.#state = state;
    this.#addresses = addresses;
    this.#options.onChange();
  }
}

/** A refusal is an answer. */
async function answers(ask: () => Promise<void>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    return isFault(error, "vm.agent_refused");
  }
}

/** Without loopback and link-local. Undefined when the agent would not say, as while file systems are frozen. */
async function readAddresses(agent: AgentSession, signal: AbortSignal): Promise<string[] | undefined> {
  try {
    const interfaces = await readGuestInterfaces(agent, signal);
    const all = interfaces.flatMap((one) => one.addresses.map(({ address }) => address));
    return [...new Set(all.filter((address) => !/^(127\.|169\.254\.|::1$|fe80:)/i.test(address)))].sort();
  } catch {
    return undefined; // the next look tells
  }
}

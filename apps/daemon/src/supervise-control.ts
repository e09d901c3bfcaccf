import { spawn, type ChildProcess } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Fault } from "@serai/kit/fault";
import type { Logger } from "@serai/kit/logger";
import type { FromControl, ToControl } from "./control-messages.ts";
import type { ControlUser } from "./control-user.ts";
import { leanEnvironment, leanFlags } from "./lean-process.ts";
import type { ControlConfiguration } from "./run-control.ts";

export type SupervisorOptions = {
  configuration: ControlConfiguration;
  /** Undefined: the same user as ours. */
  user: ControlUser | undefined;
  logger: Logger;
};

export type Supervisor = {
  /** Answers when control is ready for the first time. Throws with its sentence when it refuses. */
  ready: Promise<{ apiUrl?: string }>;
  pid(): number | undefined;
  close(): Promise<void>;
};

const startDeadlineMs = 60_000;
const stopDeadlineMs = 20_000;
const maxRestartDelayMs = 30_000;

/** Starts `serai-control`, starts it again whenever it ends, later each time, until it is closed. */
export function superviseControl(options: SupervisorOptions): Supervisor {
  const {
    promise: ready,
    resolve: setReady,
    reject: setRefused,
  } = Promise.withResolvers<{ apiUrl?: string }>();
  ready.catch(() => {}); // whoever waits for it hears of it
  let child: ChildProcess | undefined;
  let isClosing = false;
  let wasReady = false;
  let failures = 0;
  let timer: NodeJS.Timeout | undefined;

  const start = () => {
    const startedAt = performance.now();
    const process = launch(options);
    child = process;
    const deadline = setTimeout(() => process.kill("SIGKILL"), startDeadlineMs);
    let refusal: string | undefined;
    process.on("message", (message: FromControl) => {
      if (message?.kind === "ready") {
        clearTimeout(deadline);
        wasReady = true;
        setReady({ ...(typeof message.apiUrl === "string" && { apiUrl: message.apiUrl }) });
      }
      if (message?.kind === "refused") refusal = String(message.message);
    });
    const onEnd = (detail: string) => {
      clearTimeout(deadline);
      if (isClosing) return;
      if (!wasReady)
        return setRefused(new Fault("setup.failed", refusal ?? `serai-control could not start (${detail}).`));
      failures = performance.now() - startedAt > 60_000 ? 0 : failures + 1;
      const delayMs = Math.min(maxRestartDelayMs, 100 * 2 ** failures);
      options.logger.error({ detail, refusal, delayMs }, "serai-control ended; it is started again");
      timer = setTimeout(start, delayMs);
    };
    process.on("error", (error) => onEnd(error.message));
    process.on("exit", (code, signal) => onEnd(signal ?? `exit code ${code}`));
    const message: ToControl = { kind: "start", configuration: options.configuration };
    process.send(message, () => {}); // its end says more than an error here
  };
  start();

  return {
    ready,
    pid: () => child?.pid,
    close: async () => {
      isClosing = true;
      clearTimeout(timer);
      if (child !== undefined) await stop(child);
    },
  };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const { promise, resolve: done } = Promise.withResolvers<void>();
  child.on("exit", () => done());
  const message: ToControl = { kind: "stop" };
  if (child.connected) child.send(message, () => {});
  else child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopDeadlineMs);
  await promise;
  clearTimeout(timer);
}

const code = resolve(import.meta.dirname, "../../..");
/** Where the product's files are shown to control when its user may not walk the path to them. */
const shownAt = "/mnt";

function launch({ user }: SupervisorOptions): ChildProcess {
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    ...passedOn("SERAI_LOG"),
    ...leanEnvironment("control", user),
  };
  const stdio: ["ignore", "inherit", "inherit", "ipc"] = ["ignore", "inherit", "inherit", "ipc"];
  const script = join(import.meta.dirname, "control-main.ts");
  if (user === undefined) return spawn(process.execPath, [...leanFlags, script], { env, stdio, cwd: "/" });
  const drop = [
    "setpriv",
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    "--clear-groups",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--no-new-privs",
    "--",
  ];
  const canWalk = isWalkable(code) && isWalkable(dirname(process.execPath));
  if (canWalk)
    return spawn(drop[0] as string, [...drop.slice(1), process.execPath, ...leanFlags, script], {
      env,
      stdio,
      cwd: "/",
    });
  // For example below /root. A mount that only this process tree sees is the smallest door there is.
  const seen = (path: string) => path.replace(code, shownAt);
  const mount = `mount --bind "$1" ${shownAt} && cd / && shift && exec "$@"`;
  const command = [...drop, seen(process.execPath), ...leanFlags, seen(script)];
  return spawn("unshare", ["--mount", "--", "sh", "-c", mount, "sh", code, ...command], {
    env,
    stdio,
    cwd: "/",
  });
}

function passedOn(name: string): Record<string, string> {
  const value = process.env[name];
  return value === undefined ? {} : { [name]: value };
}

/** True when every directory on the way may be entered by anybody. */
function isWalkable(path: string): boolean {
  for (let at = path; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === "/") break;
  }
  accessSync(path, constants.R_OK);
  return true;
}

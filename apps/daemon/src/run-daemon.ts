import { flushCompileCache } from "node:module";
import { errorChain, isFault } from "@serai/kit/fault";
import { createLogger } from "@serai/kit/logger";
import { serveHost } from "@serai/host-agent/server";
import { sdNotify } from "@serai/linux/sd-notify";
import type { Configuration } from "./configuration.ts";
import { findControlUser } from "./control-user.ts";
import { runHost } from "./run-host.ts";
import { sentenceOf } from "./sentence-of.ts";
import { openStateDirectory, stateDirectory } from "./state-directory.ts";

const exitCodes = { failed: 1, locked: 3 } as const;
const logger = createLogger("host");

type Running = { apiUrl?: string | undefined; apiSocket: string; failed: Promise<never> };

async function startAll(
  configuration: Configuration,
  { stack, end }: { stack: AsyncDisposableStack; end: () => void },
  signal: AbortSignal,
): Promise<Running> {
  const state = stateDirectory(configuration.stateDir);
  const user = configuration.isPrivileged ? findControlUser() : undefined;
  const lock = await openStateDirectory(state, user);
  stack.defer(() => lock[Symbol.dispose]());
  const agent = await runHost(configuration, { state, logger }, signal);
  stack.defer(() => agent.close());
  const { stateDir, listen, catalogue, consoleDir } = configuration;
  const ownerUid = process.geteuid?.() ?? 0;
  const controlConfiguration = { stateDir, listen, catalogue, consoleDir, ownerUid };
  if (configuration.isHosted) {
    const { runControl } = await import("./run-control.ts");
    const control = await runControl(controlConfiguration, { host: agent, logger }, signal);
    stack.defer(() => control.close());
    if (listen === undefined) {
      const { endWhenIdle } = await import("./end-when-idle.ts");
      const runningGuests = async () => (await agent.usage(AbortSignal.timeout(5_000))).vms.length;
      stack.use(endWhenIdle({ runningGuests, openConnections: control.openConnections }, end));
    }
    return control;
  }
  const server = await serveHost({
    agent,
    socketPath: state.hostSocket,
    logger,
    ...(user && { gid: user.gid }),
  });
  stack.defer(() => server.close());
  const { superviseControl } = await import("./supervise-control.ts");
  const control = superviseControl({ configuration: controlConfiguration, user, logger });
  stack.defer(() => control.close());
  const { apiUrl } = await control.ready;
  return { apiUrl, apiSocket: state.apiSocket, failed: new Promise<never>(() => {}) };
}

async function run(configuration: Configuration): Promise<void> {
  const stack = new AsyncDisposableStack();
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const starting = new AbortController();
  let isReady = false;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      ask();
      // Once all is up, it is taken down in order; only a start that is under way is broken off.
      if (!isReady) starting.abort(new Error("asked to stop"));
    });
  }
  // A closed terminal is no reason to stop; guests and API go on.
  process.on("SIGHUP", () => {});
  try {
    const { apiUrl, apiSocket, failed } = await startAll(configuration, { stack, end: ask }, starting.signal);
    isReady = true;
    const ready = { ready: true, ...(apiUrl !== undefined && { apiUrl }), apiSocket, pid: process.pid };
    process.stdout.write(`${JSON.stringify(ready)}\n`);
    flushCompileCache();
    sdNotify({ READY: "1", STATUS: apiUrl ?? apiSocket });
    await Promise.race([asked, failed]);
    sdNotify({ STOPPING: "1" });
    logger.info("stopping; guests go on");
  } catch (error) {
    if (!starting.signal.aborted) throw error;
  } finally {
    await stack.disposeAsync();
  }
}

/** `serai-host`: runs guests, and starts `serai-control` beside it (or inside, in the hosted form). Ends the process. */
export async function runDaemon(configuration: Configuration): Promise<void> {
  try {
    await run(configuration);
    process.exit(0);
  } catch (error) {
    logger.debug(
      { error: errorChain(error), stack: error instanceof Error ? error.stack : undefined },
      "the daemon ends",
    );
    process.stderr.write(`serai: ${sentenceOf(error)}\n`);
    process.exit(isFault(error, "store.locked") ? exitCodes.locked : exitCodes.failed);
  }
}

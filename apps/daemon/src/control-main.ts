import { flushCompileCache } from "node:module";
import { errorChain, isFault } from "@serai/kit/fault";
import { createLogger } from "@serai/kit/logger";
import { createHostLinkClient } from "./host-link/host-link-client.ts";
import { runControl, type ControlConfiguration } from "./run-control.ts";
import { stateDirectory } from "./state-directory.ts";
import type { FromControl, ToControl } from "./control-messages.ts";

/** `serai-control`: started by `serai-host`, as a user without any rights, and told what to do over their channel. */

const logger = createLogger("control");
const ended = new AbortController();
let end: () => Promise<void> = async () => {};
let isEnding = false;

async function finish(code: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  const hardEnd = setTimeout(() => process.exit(code === 0 ? 1 : code), 15_000);
  hardEnd.unref();
  try {
    await end();
  } catch (error) {
    logger.error({ error: errorChain(error) }, "control did not end cleanly");
  }
  ended.abort();
  process.exit(code);
}

function tell(message: FromControl): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) return resolve();
    process.send(message, () => resolve());
  });
}

async function start(configuration: ControlConfiguration): Promise<void> {
  try {
    const host = createHostLinkClient(stateDirectory(configuration.stateDir).hostSocket);
    const control = await runControl(configuration, { host, logger }, ended.signal);
    end = async () => {
      await control.close();
      host.close();
    };
    control.failed.catch((error: unknown) => {
      logger.error({ error: errorChain(error) }, "control cannot go on");
      void finish(1);
    });
    flushCompileCache();
    await tell({ kind: "ready", ...(control.apiUrl !== undefined && { apiUrl: control.apiUrl }) });
  } catch (error) {
    logger.debug({ error: errorChain(error) }, "control could not start");
    const message = isFault(error) ? error.message : `Control could not start: ${errorChain(error)}`;
    await tell({ kind: "refused", message });
    await finish(1);
  }
}

process.on("message", (message: ToControl) => {
  if (message.kind === "start") void start(message.configuration);
  else void finish(0);
});
// The host's process is the parent: without it there is nothing to control.
process.on("disconnect", () => void finish(0));
// Ctrl-C reaches the whole group of processes; the parent says when control ends.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => void finish(0));

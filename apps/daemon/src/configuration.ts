import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Fault } from "@serai/kit/fault";

export type Configuration = {
  stateDir: string;
  /** Where the API listens on TCP; undefined for the local socket only. */
  listen: { host: string; port: number } | undefined;
  /** One process of the user, without a network listener unless a port is named. */
  isHosted: boolean;
  /** Where `guest/` keeps what it built. */
  builtinImages: string;
  catalogue: string;
  consoleDir: string;
  /** Root: control gets a user of its own, and so does each guest. */
  isPrivileged: boolean;
};

export const defaultPort = 7443;
const repository = resolve(import.meta.dirname, "../../..");

export const usage = `Usage: serai-daemon [options]

  --state-dir DIR        where all state lives (default ${defaultStateDir({})}, or $SERAI_STATE_DIR)
  --address ADDRESS      address of API and console (default 127.0.0.1)
  --port PORT            port of API and console (default ${defaultPort}; 0: a free one)
  --hosted               one process, local socket only unless --port is given
  --builtin-images DIR   images built on this machine (default: the user's cache)
  --catalogue FILE       images that can be pulled by name
  --console-dir DIR      the built console
  --help`;

const options = {
  "state-dir": { type: "string" },
  address: { type: "string" },
  port: { type: "string" },
  hosted: { type: "boolean" },
  "builtin-images": { type: "string" },
  catalogue: { type: "string" },
  "console-dir": { type: "string" },
  help: { type: "boolean" },
} as const;

/** Reads arguments and environment. Throws `setup.failed` with what to do; undefined when only help was asked for. */
export function readConfiguration(args: string[], env: NodeJS.ProcessEnv): Configuration | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const isHosted = values.hosted === true;
  const port = values.port === undefined ? defaultPort : readPort(values.port);
  const listens = !isHosted || values.port !== undefined;
  return {
    stateDir: resolve(values["state-dir"] ?? env["SERAI_STATE_DIR"] ?? defaultStateDir(env)),
    listen: listens ? { host: values.address ?? "127.0.0.1", port } : undefined,
    isHosted,
    builtinImages: resolve(values["builtin-images"] ?? defaultBuiltinImages(env)),
    catalogue: resolve(values.catalogue ?? join(repository, "catalogue/images.json")),
    consoleDir: resolve(values["console-dir"] ?? join(repository, "apps/console/dist")),
    isPrivileged: process.geteuid?.() === 0 && !isHosted,
  };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options, allowPositionals: false }).values;
  } catch (error) {
    throw new Fault("setup.failed", `${(error as Error).message.split(".")[0]}. See --help.`, {
      cause: error,
    });
  }
}

function readPort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65535) return port;
  throw new Fault("setup.failed", `--port must be a number from 0 to 65535, not ${text}.`);
}

function defaultStateDir(env: NodeJS.ProcessEnv): string {
  if (process.geteuid?.() === 0) return "/var/lib/serai";
  return join(env["XDG_DATA_HOME"] ?? join(homedir(), ".local/share"), "serai");
}

function defaultBuiltinImages(env: NodeJS.ProcessEnv): string {
  const cache = env["SERAI_CACHE"] ?? join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "serai");
  return join(cache, "guest");
}

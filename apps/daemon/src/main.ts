import { enableCompileCache } from "node:module";
import { isFault } from "@serai/kit/fault";
import { openCodeCache } from "./code-cache.ts";
import { readConfiguration, usage, type Configuration } from "./configuration.ts";

/** The daemon's entry. The rest is loaded through a cache of its compiled code: less memory, a faster start. */

function configurationOrExit(): Configuration {
  try {
    const configuration = readConfiguration(process.argv.slice(2), process.env);
    if (configuration !== undefined) return configuration;
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`serai: ${isFault(error) ? error.message : String(error)}\n`);
    process.exit(2);
  }
}

const configuration = configurationOrExit();
enableCompileCache(openCodeCache("host", undefined));
const { runDaemon } = await import("./run-daemon.ts");
await runDaemon(configuration);

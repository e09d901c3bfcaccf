import { isFault } from "@serai/kit/fault";
import { readConfiguration, usage, type Configuration } from "./configuration.ts";
import { becomeLean } from "./lean-process.ts";

/** The daemon's entry: reads what is asked, puts the process in its lean form, and then loads the rest. */

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
becomeLean(import.meta.filename);
const { runDaemon } = await import("./run-daemon.ts");
await runDaemon(configuration);

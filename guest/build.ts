import { parseArgs } from "node:util";
import { GuestBuildFailure } from "./failure.ts";
import { ensureGuestImage, guestImageNames } from "./images.ts";
import type { GuestImage } from "./manifest.ts";

const usage = `usage: node guest/build.ts [--out DIR] NAME...
NAME is one of ${guestImageNames.join(", ")}. Progress goes to stderr, one JSON object to stdout.`;

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { out: { type: "string" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help === true || positionals.length === 0) {
    console.error(usage);
    return values.help === true ? 0 : 2;
  }
  const cancel = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.once(name, () => cancel.abort(new GuestBuildFailure("Cancelled; nothing half-made was left.")));
  }
  const images: Record<string, GuestImage> = {};
  for (const name of new Set(positionals)) {
    images[name] = await ensureGuestImage(name, {
      ...(values.out !== undefined && { outRoot: values.out }),
      signal: cancel.signal,
      onProgress: (line) => console.error(line),
    });
  }
  console.log(JSON.stringify(images));
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const foreseen =
    error instanceof GuestBuildFailure || (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS");
  console.error(foreseen ? `error: ${(error as Error).message}` : error);
  process.exitCode = 1;
}

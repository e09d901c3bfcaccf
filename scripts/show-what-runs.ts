// Prints the VMs of a running daemon, its address and a login link. Usage: show-what-runs.ts [--probe] READY_FILE
// READY_FILE holds the line that the daemon printed when it was ready. With --probe only the exit code speaks.
import { readFileSync } from "node:fs";
import { request } from "node:http";
import { parseArgs } from "node:util";

type Ready = { apiUrl?: string; apiSocket: string };
type Vm = {
  name: string;
  state: string;
  accelerator?: string;
  addresses: string[];
  fault?: { message: string };
};

const { values, positionals } = parseArgs({
  options: { probe: { type: "boolean" } },
  allowPositionals: true,
});

function readReady(): Ready | undefined {
  try {
    return JSON.parse(readFileSync(positionals[0] ?? "", "utf8").split("\n")[0] ?? "") as Ready;
  } catch {
    return undefined; // no daemon has been started here, or it was never ready
  }
}

/** One call on the daemon's local socket, where the kernel says who is calling. */
function call<T>(socketPath: string, method: "GET" | "POST", path: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const sent = request({ socketPath, method, path, timeout: 5000 }, (reply) => {
    let text = "";
    reply.setEncoding("utf8").on("data", (part: string) => (text += part));
    reply.on("error", reject);
    reply.on("end", () => {
      if ((reply.statusCode ?? 500) < 300) resolve(JSON.parse(text) as T);
      else reject(new Error(`${path}: ${reply.statusCode}: ${text}`));
    });
  });
  sent.on("timeout", () => sent.destroy(new Error(`${path}: no answer within 5 s`)));
  sent.on("error", reject);
  sent.end();
  return promise;
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function rowOf({ name, state, accelerator, addresses, fault }: Vm): string[] {
  return [name, state, accelerator ?? "", addresses[0] ?? "", fault?.message ?? ""];
}

async function main(): Promise<number> {
  const ready = readReady();
  if (ready === undefined) return 1;
  if (values.probe === true) {
    await call(ready.apiSocket, "GET", "/v1/health");
    return 0;
  }
  const vms = await call<{ items: Vm[] }>(ready.apiSocket, "GET", "/v1/vms?limit=20");
  if (vms.items.length > 0)
    console.log(`\n${table([["NAME", "STATE", "ON", "ADDRESS", ""], ...vms.items.map(rowOf)])}`);
  console.log(`\nConsole:    ${ready.apiUrl ?? "none: the daemon listens on its local socket only"}`);
  if (ready.apiUrl !== undefined) {
    const link = await call<{ url: string }>(ready.apiSocket, "POST", "/v1/login-links");
    console.log(`Log in:     ${link.url}  (once, within ten minutes)`);
    console.log("The certificate is this machine's own, so the browser asks once whether to trust it.");
  }
  console.log("Commands:   ./serai --help\n");
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (values.probe !== true) console.error(`The daemon does not answer: ${(error as Error).message}`);
  process.exitCode = 1;
}

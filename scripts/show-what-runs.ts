// Prints the VMs of a running daemon, its address and a login link. Usage: show-what-runs.ts [--probe] STATE_DIR
// With --probe only the exit code speaks: 0 when a daemon answers there.
import { request } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";

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

const apiSocket = join(positionals[0] ?? "", "run/api.sock");

/** One call on the daemon's local socket, where the kernel says who is calling. */
function call<T>(method: "GET" | "POST", path: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const sent = request({ socketPath: apiSocket, method, path, timeout: 5000 }, (reply) => {
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

async function show(): Promise<void> {
  const vms = await call<{ items: Vm[] }>("GET", "/v1/vms?limit=20");
  if (vms.items.length > 0) {
    console.log(`\n${table([["NAME", "STATE", "ON", "ADDRESS", ""], ...vms.items.map(rowOf)])}`);
  }
  const link = await call<{ url: string }>("POST", "/v1/login-links");
  console.log(`
Console:    ${new URL(link.url).origin}
Log in:     ${link.url}  (once, within ten minutes)
Commands:   ./serai --help
The certificate is this machine's own, so the browser asks once whether to trust it.
`);
}

try {
  if (values.probe === true) await call("GET", "/v1/health");
  else await show();
} catch (error) {
  if (values.probe !== true) console.error(`The daemon does not answer: ${(error as Error).message}`);
  process.exitCode = 1;
}

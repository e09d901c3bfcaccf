import { spawn } from "node:child_process";
import { once } from "node:events";

/** One entry of QEMU's answer to `query-qmp-schema`. Source: QEMU's qapi/introspect.json. */
export type SchemaEntry = { name: string } & (
  | { "meta-type": "builtin"; "json-type": string }
  | { "meta-type": "enum"; values: string[] }
  | { "meta-type": "array"; "element-type": string }
  | {
      "meta-type": "object";
      members: SchemaMember[];
      tag?: string;
      variants?: { case: string; type: string }[];
    }
  | { "meta-type": "alternate"; members: { type: string }[] }
  | { "meta-type": "command"; "arg-type": string; "ret-type": string; "allow-oob"?: boolean }
  | { "meta-type": "event"; "arg-type": string }
);

/** A member with a `default`, whatever its value, is optional. */
export type SchemaMember = { name: string; type: string; default?: unknown };

export type QemuSchema = { version: string; entries: SchemaEntry[] };

/** Asks a QEMU binary for its version and its whole QMP schema. Starts no machine: about 50 ms. */
export async function fetchQemuSchema(binary: string): Promise<QemuSchema> {
  const child = spawn(binary, ["-machine", "none", "-nodefaults", "-display", "none", "-qmp", "stdio"], {
    stdio: ["pipe", "pipe", "inherit"],
    timeout: 20_000,
  });
  child.stdin.end(
    ["qmp_capabilities", "query-qmp-schema", "quit"]
      .map((execute) => `${JSON.stringify({ execute })}\n`)
      .join(""),
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  await once(child, "close");
  const messages = output
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => JSON.parse(line));
  const { major, minor, micro } = messages[0].QMP.version.qemu;
  const entries = messages.find((message) => Array.isArray(message.return))?.return;
  if (entries === undefined) throw new Error(`${binary} did not answer query-qmp-schema.`);
  return { version: `${major}.${minor}.${micro}`, entries };
}

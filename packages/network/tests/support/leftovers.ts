import { existsSync, readdirSync, readFileSync } from "node:fs";
import { run } from "./own-host.ts";

/** Everything that a driver with this state directory has on the host: files, pins, processes, interfaces, rules. */
export function leftovers(stateDirectory: string): string[] {
  const files = existsSync(stateDirectory) ? readdirSync(stateDirectory) : [];
  const pins = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(stateDirectory));
  const processes = readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      return argv.includes("dnsmasq") && argv.includes(stateDirectory);
    } catch {
      return false; // it ended
    }
  });
  const links = run("ip -br link")
    .split("\n")
    .filter((line) => line.startsWith("sn"));
  const tables = run("nft list tables")
    .split("\n")
    .filter((line) => line.includes("serai"));
  return [...files, ...pins, ...processes, ...links, ...tables];
}

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { locate } from "@serai/linux/bubblewrap";
import { firstPasstUid, lastPasstUid } from "./passt.ts";

/**
 * New connections of the users that passt runs as end before the host's loopback; answers to forwarded ports pass.
 * Replaced in one transaction, however often it is loaded.
 */
const rules = `table inet serai_passt
delete table inet serai_passt
table inet serai_passt {
  chain leave {
    type filter hook output priority filter; policy accept;
    meta skuid ${firstPasstUid}-${lastPasstUid} oifname "lo" ct state new counter reject
  }
}
`;

/**
 * Shuts the host's loopback to every passt, whatever its guest sends: a packet to 127.0.0.1 that a guest lets out is
 * served by passt like any other. Needs root. Answers why it could not be done.
 */
export async function guardLoopback(): Promise<string | undefined> {
  const nft = locate("nft");
  if (nft === undefined) return "install the package nftables";
  const folder = await mkdtemp(join(tmpdir(), "serai-nft-"));
  try {
    const file = join(folder, "rules"); // not its standard input, which it cannot open when that is a socket
    await writeFile(file, rules, { mode: 0o600 });
    const child = spawn(nft, ["-f", file], { stdio: ["ignore", "ignore", "pipe"], env: {}, timeout: 10_000 });
    let words = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (words = (words + text).slice(0, 300)));
    const [code] = (await once(child, "close")) as [number | null];
    return code === 0 ? undefined : `nft refused the rules: ${words.trim().split("\n")[0] ?? ""}`;
  } finally {
    await rm(folder, { recursive: true });
  }
}

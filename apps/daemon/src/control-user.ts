import { readFileSync } from "node:fs";

export type ControlUser = { uid: number; gid: number };

/**
 * Used when the machine has no user `serai` (set-up makes one): from the range that nobody else uses, below the
 * guests' own.
 */
const fallbackId = 1_899_999_999;

/** The unprivileged user that control runs as when the daemon is started by root. */
export function findControlUser(passwdPath = "/etc/passwd"): ControlUser {
  for (const line of readFileSync(passwdPath, "utf8").split("\n")) {
    const [name, , uid, gid] = line.split(":");
    if (name === "serai" && uid !== undefined && gid !== undefined && uid !== "0") {
      return { uid: Number(uid), gid: Number(gid) };
    }
  }
  return { uid: fallbackId, gid: fallbackId };
}

import { chownSync, mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { ControlUser } from "./control-user.ts";

/**
 * A directory for compiled code that only its own process writes: what one user compiles, another must not run.
 * Undefined when there can be none, which costs memory and nothing else.
 */
export function openCodeCache(name: "host" | "control", user: ControlUser | undefined): string | undefined {
  const { SERAI_CACHE: own, XDG_CACHE_HOME: xdg } = process.env;
  const root =
    process.geteuid?.() === 0 ? "/var/cache/serai" : (own ?? join(xdg ?? join(homedir(), ".cache"), "serai"));
  const path = join(root, `code-${name}`);
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
    if (user !== undefined) chownSync(path, user.uid, user.gid);
    return path;
  } catch {
    return undefined; // a read-only system: compile anew each time
  }
}

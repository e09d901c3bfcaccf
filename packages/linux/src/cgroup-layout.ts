import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

export type CgroupController = "cpu" | "cpuacct" | "memory" | "pids" | "freezer";

/** Where this machine lets us make groups: for each controller the folder that holds one folder per VM. */
export type Cgroups = {
  isSupported: true;
  version: 1 | 2;
  folders: Readonly<Partial<Record<CgroupController, string>>>;
};

export type NoCgroups = { isSupported: false; reason: string };

const wanted: readonly CgroupController[] = ["cpu", "cpuacct", "memory", "pids", "freezer"];

/**
 * Finds and prepares our folder in each hierarchy. Answers why not, instead of throwing, where the machine has no
 * cgroups for us. With version 2 below a delegated unit it moves this process into a leaf of its own, because a
 * group with processes cannot hand controllers to its children.
 */
export function openCgroups(name = "serai"): Cgroups | NoCgroups {
  const { mounts, unified } = readMounts(readText("/proc/self/mountinfo") ?? "");
  const own = readOwnGroups(readText("/proc/self/cgroup") ?? "");
  const unifiedControllers =
    unified === undefined ? [] : words(readText(path.join(unified, "cgroup.controllers")));
  try {
    if (unified !== undefined && unifiedControllers.includes("memory"))
      return openUnified(unified, own.get("") ?? "/", name);
    if (mounts.size === 0) return { isSupported: false, reason: "no cgroup controllers are mounted" };
    return openLegacy(mounts, own, name);
  } catch (error) {
    const { code = "unknown error", path: at } = error as NodeJS.ErrnoException;
    return {
      isSupported: false,
      reason: `cgroups may not be changed by this user (${code}${at === undefined ? "" : ` at ${at}`})`,
    };
  }
}

function openLegacy(
  mounts: ReadonlyMap<string, string>,
  own: ReadonlyMap<string, string>,
  name: string,
): Cgroups {
  const folders: Partial<Record<CgroupController, string>> = {};
  for (const controller of wanted) {
    const mount = mounts.get(controller);
    if (mount === undefined) continue;
    // Inside a container the path in /proc may lie outside what is mounted here.
    const inside = path.join(mount, own.get(controller) ?? "/");
    const folder = path.join(existsSync(inside) ? inside : mount, name);
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    folders[controller] = folder;
  }
  return { isSupported: true, version: 1, folders };
}

/**
 * Root gets a folder at the top, so that stopping our unit does not stop the guests; others get one below their own
 * group, which their service manager must have delegated.
 */
function openUnified(mount: string, own: string, name: string): Cgroups {
  const isRoot = process.getuid?.() === 0;
  const parent = isRoot ? mount : path.join(mount, own);
  if (!isRoot) {
    const leaf = path.join(parent, `${name}-daemon`);
    mkdirSync(leaf, { recursive: true });
    writeFileSync(path.join(leaf, "cgroup.procs"), String(process.pid));
  }
  const folder = path.join(parent, name);
  mkdirSync(folder, { recursive: true });
  const available = words(readText(path.join(parent, "cgroup.controllers")));
  for (const controller of ["cpu", "memory", "pids"].filter((candidate) => available.includes(candidate))) {
    for (const at of [parent, folder])
      writeFileSync(path.join(at, "cgroup.subtree_control"), `+${controller}`);
  }
  const enabled = new Set(words(readText(path.join(folder, "cgroup.subtree_control"))));
  const folders: Partial<Record<CgroupController, string>> = { freezer: folder, cpuacct: folder }; // part of the core
  for (const controller of wanted) if (enabled.has(controller)) folders[controller] = folder;
  return { isSupported: true, version: 2, folders };
}

/** Reads `/proc/self/mountinfo`: where each version 1 controller is, and where version 2 is. */
export function readMounts(mountinfo: string): { mounts: Map<string, string>; unified: string | undefined } {
  const mounts = new Map<string, string>();
  let unified: string | undefined;
  for (const line of mountinfo.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const [type, , options = ""] = after.split(" ");
    const at = before.split(" ")[4];
    if (at === undefined) continue;
    if (type === "cgroup2") unified ??= at;
    if (type === "cgroup")
      for (const option of options.split(",")) if (!mounts.has(option)) mounts.set(option, at);
  }
  for (const option of mounts.keys())
    if (!(wanted as readonly string[]).includes(option)) mounts.delete(option);
  return { mounts, unified };
}

/** Reads `/proc/self/cgroup`: our group by controller, version 2 under the empty name. */
export function readOwnGroups(text: string): Map<string, string> {
  const own = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, controllers, ...rest] = line.split(":");
    if (controllers === undefined) continue;
    for (const controller of controllers.split(",")) own.set(controller, rest.join(":"));
  }
  return own;
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined; // absent and unreadable mean the same here: not for us
  }
}

function words(text: string | undefined): string[] {
  return (text ?? "").split(/\s+/).filter((word) => word !== "");
}

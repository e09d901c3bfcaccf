export type LauncherInput = {
  /** QEMU with its arguments. */
  command: readonly string[];
  /** Files to write the own pid to before anything else, so that nothing QEMU ever does counts elsewhere. */
  cgroupProcsFiles: readonly string[];
  /** Who QEMU runs as; only root can choose. */
  user?: { uid: number; gid: number };
};

/** The values come as arguments, never inside the script. $1 is the number of cgroup files that follow. */
const script = [
  "umask 0077",
  "ulimit -c 0",
  "left=$1; shift",
  'while [ "$left" -gt 0 ]; do echo 0 >"$1" || exit 125; shift; left=$((left - 1)); done',
  'exec "$@"',
].join("\n");

/** Wraps QEMU's command: own cgroups, no core dumps with guest memory in them, own user without any rights. */
export function launcherArgv({ command, cgroupProcsFiles, user }: LauncherInput): string[] {
  return [
    "/bin/sh",
    "-c",
    script,
    "serai-launch",
    String(cgroupProcsFiles.length),
    ...cgroupProcsFiles,
    ...(user === undefined ? [] : dropRights(user)),
    ...command,
  ];
}

function dropRights({ uid, gid }: { uid: number; gid: number }): string[] {
  return [
    "setpriv",
    "--reuid",
    String(uid),
    "--regid",
    String(gid),
    "--clear-groups",
    "--no-new-privs",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--",
  ];
}

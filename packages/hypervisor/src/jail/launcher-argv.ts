export type LaunchUser = { uid: number; gid: number; groups?: readonly number[] };

export type LauncherInput = {
  /** QEMU with its arguments. */
  command: readonly string[];
  /** A file that must still be there when the process begins to run; see {@link takeTicket}. */
  ticket?: string;
  /** Files to write the own pid to before anything else, so that nothing QEMU ever does counts elsewhere. */
  cgroupProcsFiles: readonly string[];
  /** Who QEMU runs as; only root can choose. `groups` are the devices' that it must open. */
  user?: LaunchUser;
  /** What goes before the command to lock it in. */
  jail?: readonly string[];
};

/** Beyond what any guest makes QEMU use: threads per CPU and per request, and a file per disk and connection. */
const mostProcesses = 1024;
const mostFiles = 4096;

/** The values come as arguments, never inside the script: the ticket, the number of cgroup files, these, the command. */
const script = [
  "umask 0077",
  "ulimit -c 0",
  `ulimit -n ${mostFiles} 2>/dev/null`, // refused where even less is allowed
  '[ -z "$1" ] || [ -e "$1" ] || exit 124',
  "left=$2; shift 2",
  'while [ "$left" -gt 0 ]; do echo 0 >"$1" || exit 125; shift; left=$((left - 1)); done',
  'exec "$@"',
].join("\n");

/** Wraps QEMU's command: own cgroups, no core dumps with guest memory in them, own user without any rights. */
export function launcherArgv({
  command,
  ticket,
  cgroupProcsFiles,
  user,
  jail = [],
}: LauncherInput): string[] {
  return [
    "/bin/sh",
    "-c",
    script,
    "serai-launch",
    ticket ?? "",
    String(cgroupProcsFiles.length),
    ...cgroupProcsFiles,
    // A group limits processes by itself, and each program on the way costs a millisecond.
    ...(user === undefined || cgroupProcsFiles.length > 0
      ? []
      : ["prlimit", `--nproc=${mostProcesses}`, "--"]),
    ...(user === undefined ? [] : dropRights(user)),
    ...jail,
    ...command,
  ];
}

function dropRights({ uid, gid, groups = [] }: LaunchUser): string[] {
  return [
    "setpriv",
    "--reuid",
    String(uid),
    "--regid",
    String(gid),
    ...(groups.length === 0 ? ["--clear-groups"] : ["--groups", groups.join(",")]),
    "--no-new-privs",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--",
  ];
}

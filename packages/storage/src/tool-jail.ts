import { runTool, type ToolOptions, type ToolResult } from "./run-tool.ts";

/** What a jailed tool sees of the machine, besides programs and libraries: these paths, under these names. */
export type JailView = {
  readOnly: readonly [path: string, inside: string][];
  writable: readonly [path: string, inside: string][];
};

export type JailedRun = {
  /** Given the path under which each of the view's paths is seen. */
  argv: (seen: (path: string) => string) => [string, ...string[]];
  view: JailView;
  limits: Pick<ToolOptions, "deadlineMs" | "maxMemoryBytes" | "maxFileBytes" | "user">;
};

export type ToolJail = {
  /** How strong it is, for people. */
  readonly kind: "bubblewrap" | "no network" | "limits only";
  run(run: JailedRun, signal: AbortSignal): Promise<ToolResult>;
};

const sandbox = [
  ...[
    "bwrap",
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
  ],
  ...["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LC_ALL", "C"],
  ...[
    "--ro-bind",
    "/usr",
    "/usr",
    "--ro-bind-try",
    "/lib",
    "/lib",
    "--ro-bind-try",
    "/lib64",
    "/lib64",
    "--ro-bind-try",
    "/bin",
    "/bin",
  ],
  ...[
    "--ro-bind-try",
    "/etc/ld.so.cache",
    "/etc/ld.so.cache",
    "--proc",
    "/proc",
    "--dev",
    "/dev",
    "--tmpfs",
    "/tmp",
  ],
] as const;

const kinds: readonly { kind: ToolJail["kind"]; probe: readonly string[] }[] = [
  { kind: "bubblewrap", probe: [...sandbox, "true"] },
  { kind: "no network", probe: ["unshare", "--user", "--net", "true"] },
];

/**
 * Finds the strongest jail that this machine has for tools that read hostile files: as `nobody` where we are root,
 * without capabilities, new privileges or network, under limits of time, memory and file size; with bubblewrap it
 * also sees no file but its own.
 */
export async function openToolJail(signal: AbortSignal): Promise<ToolJail> {
  for (const { kind, probe } of kinds) {
    if (await works(probe, signal)) return jail(kind);
  }
  return jail("limits only");
}

async function works(argv: readonly string[], signal: AbortSignal): Promise<boolean> {
  const run = runTool(
    [...argv] as [string, ...string[]],
    { deadlineMs: 10_000, isUnprivileged: true },
    signal,
  );
  return (await run).exitCode === 0;
}

function jail(kind: ToolJail["kind"]): ToolJail {
  return {
    kind,
    run({ argv, view, limits }, signal) {
      const options: ToolOptions = { ...limits, isUnprivileged: true };
      if (kind !== "bubblewrap") {
        const plain = argv((path) => path);
        return runTool(
          kind === "no network" ? ["unshare", "--user", "--net", ...plain] : plain,
          options,
          signal,
        );
      }
      const names = new Map([...view.readOnly, ...view.writable]);
      const binds = [
        ...view.readOnly.flatMap(([path, inside]) => ["--ro-bind", path, inside]),
        ...view.writable.flatMap(([path, inside]) => ["--bind", path, inside]),
      ];
      const inner = argv((path) => inJail(path, names));
      return runTool(
        [...sandbox, ...binds, "--chdir", "/tmp", ...inner] as unknown as [string, ...string[]],
        options,
        signal,
      );
    },
  };
}

/** A path as the tool sees it: bound itself, or inside a folder that is. */
function inJail(path: string, names: ReadonlyMap<string, string>): string {
  for (const [outside, inside] of names) {
    if (path === outside) return inside;
    if (path.startsWith(`${outside}/`)) return `${inside}${path.slice(outside.length)}`;
  }
  throw new Error("a jailed tool was given a path that it cannot see");
}

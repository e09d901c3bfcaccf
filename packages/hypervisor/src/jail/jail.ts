import { findBubblewrap, type Bubblewrap } from "@serai/linux/bubblewrap";
import { keepDescriptorsToOurselves } from "@serai/linux/keep-descriptors";
import { guardLoopback } from "./guard-loopback.ts";
import { findPasst } from "./passt.ts";

/** What this host can lock a QEMU into. */
export type Jail = {
  bubblewrap: Bubblewrap;
  /** Makes user-mode networks outside of QEMU; without it QEMU must have the host's network for them. */
  passt?: string;
};

export type FoundJail = {
  /** Undefined: QEMU gets a user of its own where we are root, and its seccomp filter, and no more. */
  jail: Jail | undefined;
  /** For people. */
  note: string;
};

/** Finds the strongest jail that this machine allows, by trying it. */
export async function findJail(signal: AbortSignal): Promise<FoundJail> {
  keepDescriptorsToOurselves();
  const isRoot = process.getuid?.() === 0;
  const found = await findBubblewrap(signal);
  if (!found.isFound) {
    return {
      jail: undefined,
      note: `each QEMU sees the host's files, processes and networks: ${found.reason}`,
    };
  }
  const { bubblewrap } = found;
  const missing = bubblewrap.canForbidUserNamespaces
    ? ""
    : "; user namespaces inside it cannot be forbidden (bubblewrap is older than 0.8)";
  const passt = await findPasst({ bubblewrap });
  const unguarded = isRoot ? await guardLoopback() : "only root can forbid it";
  const network =
    "missing" in passt
      ? `; user-mode NICs reach the host's own loopback, by 10.0.2.2: ${passt.missing}`
      : unguarded === undefined
        ? ""
        : `; a guest's root may reach the host's loopback by packets to 127.0.0.1: ${unguarded}`;
  return {
    jail: { bubblewrap, ...("path" in passt && { passt: passt.path }) },
    note: `each QEMU has namespaces of its own and sees only its own files${missing}${network}`,
  };
}

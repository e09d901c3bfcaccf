import { findBubblewrap, type Bubblewrap } from "@serai/linux/bubblewrap";

/** What this host can lock a QEMU into. */
export type Jail = { bubblewrap: Bubblewrap };

export type FoundJail = {
  /** Undefined: QEMU gets a user of its own where we are root, and its seccomp filter, and no more. */
  jail: Jail | undefined;
  /** For people. */
  note: string;
};

/** Finds the strongest jail that this machine allows, by trying it. */
export async function findJail(signal: AbortSignal): Promise<FoundJail> {
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
  return {
    jail: { bubblewrap },
    note: `each QEMU has namespaces of its own and sees only its own files${missing}`,
  };
}

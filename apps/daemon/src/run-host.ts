import { systemClock } from "@serai/kit/clock";
import type { Logger } from "@serai/kit/logger";
import { createHostAgent, type HostAgent } from "@serai/host-agent/host-agent";
import type { IntentSource } from "@serai/host-agent/intent-source";
import { openSqliteReader } from "@serai/store/sqlite/sqlite-reader";
import type { Configuration } from "./configuration.ts";
import { readHostId, type StateDirectory } from "./state-directory.ts";
import { seraiVersion } from "./version.ts";

/** Opens the host of this machine, reading intent from the store beside control. */
export async function runHost(
  configuration: Configuration,
  { state, logger }: { state: StateDirectory; logger: Logger },
  signal: AbortSignal,
): Promise<HostAgent> {
  return createHostAgent(
    {
      directory: state.host,
      spoolDirectory: state.spool,
      builtinImages: configuration.builtinImages,
      hostId: await readHostId(state),
      seraiVersion,
      intents: intentsOf(state.store),
      isPrivileged: configuration.isPrivileged,
      logger,
      clock: systemClock,
    },
    signal,
  );
}

/** The store's records as the host's source of intent. It may be closed for a while: then nothing can be told. */
function intentsOf(storePath: string): IntentSource {
  const reader = openSqliteReader(storePath);
  const idsUnder = (prefix: string) => reader.range(prefix).map(({ key }) => key.slice(prefix.length));
  return {
    vm: (id) => reader.get(`/vms/${id}`)?.value,
    image: (id) => reader.get(`/images/${id}`)?.value,
    snapshot: (id) => reader.get(`/snapshots/${id}`)?.value,
    network: (id) => reader.get(`/networks/${id}`)?.value,
    securityGroups: () => reader.range("/security-groups/").map(({ value }) => value),
    vmsContaining: (text) =>
      reader
        .range("/vms/")
        .filter(({ value }) => value.includes(text))
        .map(({ key, value }) => ({ id: key.slice("/vms/".length), text: value })),
    networkIds: () => idsUnder("/networks/"),
    vmIds: () => idsUnder("/vms/"),
    imageIds: () => idsUnder("/images/"),
  };
}

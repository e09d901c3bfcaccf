import { watchChanges } from "@serai/api-contract/routes/operations";
import { watchKinds, type WatchKind } from "@serai/api-contract/watch-frame";
import type { Logger } from "@serai/kit/logger";
import { implementSocket, type Implementation } from "../implement.ts";
import { watchSocket } from "../watch-socket.ts";

export const watchHandlers = (logger: Logger, bufferBytes: number): Implementation[] => [
  implementSocket(watchChanges, ({ query, actor }, { services }) => {
    const kinds = query.kinds === undefined ? watchKinds : (query.kinds.split(",") as WatchKind[]);
    const options = { kinds, ...(query.from !== undefined && { from: query.from }) };
    return watchSocket({
      follow: (signal) => services.changes.follow(options, actor, signal),
      bufferBytes,
      logger,
    });
  }),
];

import { rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { createApiServer } from "@serai/api-server/create-api-server";
import { createControl } from "@serai/control/create-control";
import type { HostLink } from "@serai/control/host-link";
import { readCatalogue } from "@serai/control/images/catalogue";
import { delay } from "@serai/kit/deadline";
import { isFault } from "@serai/kit/fault";
import type { Logger } from "@serai/kit/logger";
import { peerCredentials, socketDescriptor } from "@serai/linux/peer-credentials";
import { openSqliteStore } from "@serai/store/sqlite/sqlite-store";
import type { Store } from "@serai/store/store";
import { stateDirectory } from "./state-directory.ts";
import { tlsCertificate } from "./tls-certificate.ts";
import { seraiVersion } from "./version.ts";

export type ControlConfiguration = {
  stateDir: string;
  listen: { host: string; port: number } | undefined;
  catalogue: string;
  consoleDir: string;
  /** Whose processes are administrators on the local socket, besides root's. */
  ownerUid: number;
};

export type RunningControl = {
  apiUrl: string | undefined;
  apiSocket: string;
  /** Rejects when control cannot go on. */
  failed: Promise<never>;
  /** Connections to the local socket that are open now. */
  openConnections(): number;
  close(): Promise<void>;
};

const drainMs = 10_000;

/** Builds everything that faces people: the store, control over the given host, and the API server. */
export async function runControl(
  configuration: ControlConfiguration,
  { host, logger }: { host: HostLink; logger: Logger },
  signal: AbortSignal,
): Promise<RunningControl> {
  await using undo = new AsyncDisposableStack();
  const state = stateDirectory(configuration.stateDir);
  const store = await openStore(state.store, signal);
  undo.defer(() => store.close());
  const control = await createControl(
    {
      store,
      host,
      spoolDir: state.spool,
      catalogue: await readCatalogue(configuration.catalogue),
      log: logger,
    },
    signal,
  );
  undo.defer(() => control.close(drainMs));
  const tls = configuration.listen && (await tlsCertificate(state.tls, Date.now()));
  const peers = new Set<Socket>();
  const meet = (socket: Socket) => {
    if (peers.has(socket)) return;
    peers.add(socket);
    socket.once("close", () => peers.delete(socket));
  };
  const api = await createApiServer({
    services: control.services,
    logger,
    version: seraiVersion,
    consoleDir: configuration.consoleDir,
    isTrustedPeer: (socket) => {
      meet(socket);
      return isTrustedPeer(socket, configuration.ownerUid);
    },
    ...(tls && { tls }),
  });
  undo.defer(() => api.close());
  await rm(state.apiSocket, { force: true }); // left by a daemon that was killed; the state lock says it is gone
  await api.listen({ socketPath: state.apiSocket });
  undo.defer(() => rm(state.apiSocket, { force: true }));
  const apiUrl = configuration.listen && (await api.listen(configuration.listen));
  const running = undo.move();
  return {
    apiUrl,
    apiSocket: state.apiSocket,
    failed: control.failed,
    openConnections: () => peers.size,
    close: () => running.disposeAsync(),
  };
}

/** A control process that was orphaned a moment ago may still be closing its store. */
async function openStore(path: string, signal: AbortSignal): Promise<Store> {
  for (let tries = 0; ; tries++) {
    try {
      return await openSqliteStore({ path }, signal);
    } catch (error) {
      if (!isFault(error, "store.locked") || tries >= 100) throw error;
      await delay(100, signal);
    }
  }
}

function isTrustedPeer(socket: Socket, ownerUid: number): boolean {
  const fd = socketDescriptor(socket);
  if (fd === undefined) return false;
  const { uid } = peerCredentials(fd);
  return uid === 0 || uid === ownerUid;
}

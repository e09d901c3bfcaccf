/** Every bound of the server; tests and operators may change single ones. */
export type Limits = {
  jsonBodyBytes: number;
  jsonDepth: number;
  /** To receive a whole JSON body. */
  jsonBodyMs: number;
  /** To receive a request's headers. */
  headersMs: number;
  /** Without a byte in either direction. */
  idleMs: number;
  keepAliveMs: number;
  maxConnections: number;
  /** Of one WebSocket reader that does not keep up. */
  webSocketBufferBytes: number;
  webSocketPingMs: number;
  /** Requests per second and burst of one person or token. */
  actorRate: Rate;
  /** The same of one address without credentials. */
  strangerRate: Rate;
  /** Refused credentials and logins of one address. */
  guessRate: Rate;
};

export type Rate = { perSecond: number; burst: number };

export const defaultLimits: Limits = {
  jsonBodyBytes: 1024 * 1024,
  jsonDepth: 32,
  jsonBodyMs: 20_000,
  headersMs: 10_000,
  idleMs: 120_000,
  keepAliveMs: 65_000,
  maxConnections: 4096,
  webSocketBufferBytes: 8 * 1024 * 1024,
  webSocketPingMs: 20_000,
  // One busy program may have the machine's two cores; the bound is there against runaway loops only.
  actorRate: { perSecond: 20_000, burst: 40_000 },
  strangerRate: { perSecond: 50, burst: 300 },
  guessRate: { perSecond: 0.5, burst: 20 },
};

export type TransportBody = string | Uint8Array | AsyncIterable<Uint8Array>;

export type TransportRequest = {
  method: string;
  /** Path and query: `/v1/vms?limit=10`. */
  path: string;
  headers: Readonly<Record<string, string>>;
  body?: TransportBody;
};

export type TransportReply = {
  status: number;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  body: Uint8Array;
};

export type TransportDownload = Omit<TransportReply, "body"> & { body: AsyncIterable<Uint8Array> };

/** How a client reaches a server; throws `host.unreachable` when it cannot. */
export type Transport = {
  request(request: TransportRequest, signal: AbortSignal): Promise<TransportReply>;
  /** The same, the body as it comes: for files. Not every transport can. */
  download?(request: TransportRequest, signal: AbortSignal): Promise<TransportDownload>;
};

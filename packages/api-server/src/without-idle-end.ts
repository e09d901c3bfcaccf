import type { FastifyRequest } from "fastify";

/** Runs what may take long before its first byte: meanwhile the connection is not ended for being idle. */
export async function withoutIdleEnd<T>(request: FastifyRequest, work: () => Promise<T>): Promise<T> {
  const { socket } = request.raw;
  const idleMs = socket.timeout ?? 0;
  socket.setTimeout(0);
  try {
    return await work();
  } finally {
    socket.setTimeout(idleMs);
  }
}

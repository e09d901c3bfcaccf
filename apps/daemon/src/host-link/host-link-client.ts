import type { Agent, IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import type { ExportStream, HostLink } from "@serai/control/host-link";
import { Fault, faultFromJson, isFaultCode, type FaultJson } from "@serai/kit/fault";
import { http } from "@serai/kit/http";

export type HostLinkClient = HostLink & { close(): void };

/** The host in the other process, over its unix socket. Connects when asked, each time anew when it was gone. */
export function createHostLinkClient(socketPath: string): HostLinkClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  const line: Line = { socketPath, agent };
  const ask = async <T>(name: string, body: unknown, signal: AbortSignal): Promise<T> =>
    JSON.parse((await readAll(await post(line, { name, body }, signal))).toString("utf8")) as T;
  return {
    describe: (signal) => ask("describe", {}, signal),
    look: (vm, signal) => ask("look", { vm }, signal),
    act: (verb, vm, generation, signal) => ask("act", { verb, vm, generation }, signal),
    sightings: (signal) => sightings(line, signal),
    usage: (signal) => ask("usage", {}, signal),
    exec: (vm, request, signal) => ask("exec", { vm, request }, signal),
    screenshot: async (vm, signal) => readAll(await post(line, { name: "screenshot", body: { vm } }, signal)),
    openStream: (vm, stream, signal) => openStream(line, `/v1/streams/${vm}/${stream}`, signal),
    takeImage: (image, generation, signal) => ask("take-image", { image, generation }, signal),
    removeImage: async (image, generation, signal) => {
      await ask("remove-image", { image, generation }, signal);
    },
    exportImage: (image, format, signal) =>
      receive(line, { name: "export-image", body: { image, format } }, signal),
    exportVm: (vm, wish, signal) => receive(line, { name: "export-vm", body: { vm, ...wish } }, signal),
    actOnSnapshot: (verb, snapshot, generation, signal) =>
      ask("act-on-snapshot", { verb, snapshot, generation }, signal),
    ensureNetwork: async (network, generation, signal) => {
      await ask("ensure-network", { network, generation }, signal);
    },
    removeNetwork: async (network, generation, signal) => {
      await ask("remove-network", { network, generation }, signal);
    },
    applyNetworkRules: async (network, signal) => {
      await ask("apply-network-rules", { network }, signal);
    },
    sweep: (signal) => ask("sweep", {}, signal),
    close: () => agent.destroy(),
  };
}

type Line = { socketPath: string; agent: Agent };

/** Resolves with a good reply; throws the fault that the host sent, or `host.unreachable`. */
function post(
  line: Line,
  { name, body }: { name: string; body: unknown },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const request = http.request({
      socketPath: line.socketPath,
      agent: line.agent,
      method: "POST",
      path: `/v1/${name}`,
      headers: { "content-type": "application/json", "content-length": Buffer.byteLength(text) },
      signal,
    });
    request.on("error", (error) => reject(signal.aborted ? signal.reason : unreachable(error)));
    request.on("response", (response) => {
      if (response.statusCode === 200) resolve(response);
      else readAll(response).then((reply) => reject(asError(reply)), reject);
    });
    request.end(text);
  });
}

async function receive(
  line: Line,
  request: { name: string; body: unknown },
  signal: AbortSignal,
): Promise<ExportStream> {
  const content = await post(line, request, signal);
  return { content, sizeBytes: Number(content.headers["content-length"]) };
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    for await (const part of response as AsyncIterable<Buffer>) parts.push(part);
  } catch (error) {
    throw unreachable(error);
  }
  return Buffer.concat(parts);
}

function asError(reply: Buffer): Error {
  const { fault, bug } = JSON.parse(reply.toString("utf8")) as { fault?: FaultJson; bug?: string };
  if (fault !== undefined && isFaultCode(fault.code)) return faultFromJson(fault);
  return new Error(bug ?? fault?.message ?? "the host answered with something else");
}

async function* sightings(
  line: Line,
  signal: AbortSignal,
): ReturnType<HostLink["sightings"]> & AsyncGenerator {
  const response = await post(line, { name: "sightings", body: {} }, signal);
  const lines = createInterface({ input: response, crlfDelay: Infinity });
  try {
    for await (const text of lines) yield JSON.parse(text);
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(error);
  } finally {
    response.destroy();
  }
}

const connectDeadlineMs = 30_000;

function openStream(line: Line, path: string, signal: AbortSignal): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const request = http.request({
      socketPath: line.socketPath,
      path,
      headers: { connection: "Upgrade", upgrade: "serai-stream" },
    });
    // Not the request's own `signal` option: the deadline is for the opening, not for the stream.
    const timer = setTimeout(() => request.destroy(new Error("no answer in time")), connectDeadlineMs);
    const onAbort = () => request.destroy();
    signal.addEventListener("abort", onAbort, { once: true });
    request.on("close", () => clearTimeout(timer));
    request.on("error", (error) => reject(signal.aborted ? signal.reason : unreachable(error)));
    request.on("response", (response) => {
      readAll(response).then((reply) => reject(asError(reply)), reject);
    });
    request.on("upgrade", (_response, socket, head) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      if (head.length > 0) socket.unshift(head);
      const onLaterAbort = () => socket.destroy();
      signal.addEventListener("abort", onLaterAbort, { once: true });
      socket.on("close", () => signal.removeEventListener("abort", onLaterAbort));
      resolve(socket);
    });
    request.end();
  });
}

const unreachable = (cause: unknown): Fault =>
  new Fault("host.unreachable", "The host does not answer; it may be starting again: try in a moment.", {
    cause,
  });

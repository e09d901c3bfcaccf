import { pathOf, type Client } from "@serai/api-contract/client";
import { faultFromReply } from "@serai/api-contract/problem";
import { routes } from "@serai/api-contract/routes";
import { delay } from "@serai/kit/deadline";
import { Fault, isFault } from "@serai/kit/fault";

export type Upload = {
  image: string;
  name: string;
  totalBytes: number;
  sentBytes: number;
  phase: "sending" | "waiting" | "done" | "failed";
  fault?: unknown;
};

export type Uploads = {
  get(): ReadonlyMap<string, Upload>;
  subscribe(listener: () => void): () => void;
  /** Sends a file as an image's content, from where the server has it; goes on after breaks. */
  send(image: string, name: string, file: File): void;
  /** Stops sending; what arrived stays and may be continued. */
  stop(image: string): void;
};

const attempts = 8;
const maxWaitMs = 20_000;

/** Uploads outlive the page that began them, as long as the console is open. */
export function createUploads(client: Client): Uploads {
  let uploads: ReadonlyMap<string, Upload> = new Map();
  const controllers = new Map<string, AbortController>();
  const listeners = new Set<() => void>();
  const set = (image: string, part: Partial<Upload>) => {
    const old = uploads.get(image) ?? {
      image,
      name: "",
      totalBytes: 0,
      sentBytes: 0,
      phase: "sending" as const,
    };
    uploads = new Map(uploads).set(image, { ...old, ...part });
    for (const listener of listeners) listener();
  };

  const run = async (image: string, file: File, signal: AbortSignal) => {
    for (let failures = 0; ; failures++) {
      try {
        const { receivedBytes = 0 } = await client.call("getImage", { params: { image } }, signal);
        set(image, { phase: "sending", sentBytes: receivedBytes, fault: undefined });
        await put(
          image,
          file,
          { offset: receivedBytes, onSent: (sentBytes) => set(image, { sentBytes }) },
          signal,
        );
        return set(image, { phase: "done", sentBytes: file.size });
      } catch (error) {
        const isPassing =
          isFault(error) &&
          (error.kind === "unavailable" || error.kind === "stale" || error.kind === "timeout");
        if (signal.aborted || !isPassing || failures >= attempts)
          return set(image, { phase: "failed", fault: error });
        set(image, { phase: "waiting", fault: error });
        await delay(Math.min(maxWaitMs, 1000 * 2 ** failures), signal).catch(() => {}); // the next round sees the abort
      }
    }
  };

  return {
    get: () => uploads,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    send(image, name, file) {
      controllers.get(image)?.abort();
      const controller = new AbortController();
      controllers.set(image, controller);
      set(image, { name, totalBytes: file.size, sentBytes: 0, phase: "sending", fault: undefined });
      void run(image, file, controller.signal);
    },
    stop(image) {
      controllers.get(image)?.abort(new Fault("request.cancelled", "You stopped it; it may be continued."));
    },
  };
}

/** One PUT. XMLHttpRequest, because fetch reports no progress of what it sends. */
function put(
  image: string,
  file: File,
  { offset, onSent }: { offset: number; onSent: (bytes: number) => void },
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const onAbort = () => request.abort();
    const end = (fault?: unknown) => {
      signal.removeEventListener("abort", onAbort);
      if (fault === undefined) resolve();
      else reject(fault);
    };
    request.open("PUT", pathOf(routes.uploadImage, { image }, { offset }));
    request.setRequestHeader("content-type", routes.uploadImage.upload.contentType);
    request.upload.onprogress = ({ loaded }) => onSent(offset + loaded);
    request.onload = () =>
      request.status < 300 ? end() : end(faultFromReply(request.status, request.responseText));
    request.onerror = () => end(new Fault("host.unreachable", "The connection to the server was lost."));
    request.onabort = () => end(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    request.send(file.slice(offset));
  });
}

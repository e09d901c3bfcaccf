import { Fault } from "@serai/kit/fault";

const maxRedirects = 5;

/** Follows at most five redirects, over http(s) only, and never from https down to http. */
export async function fetchWithLimits(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<Response> {
  let at = parse(url);
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const response = await request(at, headers, signal);
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    const next = parse(location, at);
    if (at.protocol === "https:" && next.protocol !== "https:") {
      throw new Fault(
        "image.download_failed",
        `${at.host} redirects from https to ${next.protocol}//, which is not safe.`,
      );
    }
    at = next;
  }
  throw new Fault("image.download_failed", `${at.host} redirects more than ${maxRedirects} times.`);
}

function parse(url: string, base?: URL): URL {
  const parsed = URL.parse(url, base);
  if (parsed !== null && (parsed.protocol === "https:" || parsed.protocol === "http:")) return parsed;
  throw new Fault(
    "image.download_failed",
    "Images are downloaded over http or https only: check the address.",
  );
}

async function request(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { headers, redirect: "manual", signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new Fault(
      "image.download_failed",
      `${url.host} cannot be reached: check the address and the network.`,
      {
        cause: error,
      },
    );
  }
}

/** The text of a small file. */
export async function fetchText(url: string, maxBytes: number, signal: AbortSignal): Promise<string> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(60_000)]);
  const response = await fetchWithLimits(url, {}, deadline);
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Fault("image.download_failed", `${url} answers ${response.status}.`);
  }
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body) {
    size += part.byteLength;
    if (size > maxBytes) throw new Fault("request.too_large", `${url} is larger than ${maxBytes} bytes.`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

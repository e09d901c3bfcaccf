import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

export type TlsPair = { key: string; cert: string };

const dayMs = 86_400_000;
const renewBeforeMs = 30 * dayMs;

/** The certificate of this directory; made anew when there is none, it ends soon, or it does not name the host. */
export async function tlsCertificate(directory: string, nowMs: number): Promise<TlsPair> {
  const known = await readPair(directory);
  if (known !== undefined && isGood(known.cert, nowMs)) return known;
  const made = await makePair(nowMs);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await replace(join(directory, "key.pem"), made.key, 0o600);
  await replace(join(directory, "cert.pem"), made.cert, 0o644);
  return made;
}

async function readPair(directory: string): Promise<TlsPair | undefined> {
  try {
    const [key, cert] = await Promise.all([
      readFile(join(directory, "key.pem"), "utf8"),
      readFile(join(directory, "cert.pem"), "utf8"),
    ]);
    return { key, cert };
  } catch {
    return undefined; // none yet
  }
}

function isGood(cert: string, nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(cert);
    return (
      certificate.validToDate.getTime() - nowMs > renewBeforeMs &&
      certificate.checkHost(hostname()) !== undefined
    );
  } catch {
    return false; // damaged: as good as none
  }
}

async function replace(path: string, text: string, mode: number): Promise<void> {
  await writeFile(`${path}.new`, text, { mode });
  await rename(`${path}.new`, path);
}

/** In a process of its own: its library is larger than everything else here, and is needed once in a year. */
async function makePair(nowMs: number): Promise<TlsPair> {
  const script = join(import.meta.dirname, "make-certificate.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [script, String(nowMs)], {
    timeout: 60_000,
  });
  return JSON.parse(stdout) as TlsPair;
}

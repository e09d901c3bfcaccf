import { X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";

export type TlsPair = { key: string; cert: string };

const dayMs = 86_400_000;
const lifetimeDays = 397; // browsers refuse more
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

/** Loaded only when a certificate is made: the library is larger than everything else here. */
async function makePair(nowMs: number): Promise<TlsPair> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=Serai on ${hostname()}`,
    notBefore: new Date(nowMs - dayMs),
    notAfter: new Date(nowMs + lifetimeDays * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
        { type: "dns", value: hostname() },
        { type: "ip", value: "127.0.0.1" },
        { type: "ip", value: "::1" },
      ]),
    ],
  });
  const key = x509.PemConverter.encode(
    await crypto.subtle.exportKey("pkcs8", keys.privateKey),
    "PRIVATE KEY",
  );
  return { key: `${key}\n`, cert: `${certificate.toString("pem")}\n` };
}

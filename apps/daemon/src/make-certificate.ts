import "reflect-metadata";
import { hostname } from "node:os";
import * as x509 from "@peculiar/x509";

/** Prints a new key and its certificate, valid from the given moment (milliseconds since 1970), as one JSON object. */

const dayMs = 86_400_000;
const lifetimeDays = 397; // browsers refuse more

async function makePair(nowMs: number): Promise<{ key: string; cert: string }> {
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

process.stdout.write(JSON.stringify(await makePair(Number(process.argv[2]))));

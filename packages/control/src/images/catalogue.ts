import { readFile } from "node:fs/promises";
import { resolve, dirname } from "node:path";
import type { ImageGuest } from "@serai/model/image";

export type ChecksumAlgorithm = "sha256" | "sha512";

/** How the content of an entry is proved to be what its vendor published. */
export type CatalogueProof =
  | { algorithm: ChecksumAlgorithm; digest: string }
  | {
      algorithm: ChecksumAlgorithm;
      /** The vendor's list of checksums, as `sha256sum` prints it. */
      url: string;
      /** A detached signature of that list, or the honest statement that there is none. */
      signature: { url: string; keyring: string } | "none: transport security only";
    };

export type CatalogueEntry = {
  name: string;
  title: string;
  url: string;
  format: "raw" | "qcow2" | "iso";
  proof: CatalogueProof;
  guest: ImageGuest;
};

/** Reads a catalogue; keyrings are named relative to it. Throws when it is not one: it is part of the product. */
export async function readCatalogue(path: string): Promise<CatalogueEntry[]> {
  const { images } = JSON.parse(await readFile(path, "utf8")) as { images: CatalogueEntry[] };
  return images.map((entry) => ({ ...entry, proof: withKeyring(entry.proof, dirname(path)) }));
}

function withKeyring(proof: CatalogueProof, folder: string): CatalogueProof {
  if (!("url" in proof) || typeof proof.signature === "string") return proof;
  return { ...proof, signature: { ...proof.signature, keyring: resolve(folder, proof.signature.keyring) } };
}

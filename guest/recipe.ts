import type { GuestManifest } from "./manifest.ts";

export type BuildContext = {
  /** An empty folder for what the build needs in between; removed afterwards. */
  work: string;
  /** The folder that becomes the image. */
  out: string;
  /** The folder of the recipe itself. */
  recipe: string;
  report: (line: string) => void;
};

export type GuestRecipe = {
  name: string;
  /** The shared steps it uses, relative to `guest/`: a change there makes a new image. */
  steps: readonly string[];
  /** Writes the image's files into `out`; all or nothing is the caller's business. */
  build(context: BuildContext, signal: AbortSignal): Promise<Omit<GuestManifest, "name" | "sha256">>;
};

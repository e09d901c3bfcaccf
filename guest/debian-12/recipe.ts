import { GuestBuildFailure } from "../failure.ts";
import type { GuestRecipe } from "../recipe.ts";

export const debian12: GuestRecipe = {
  name: "debian-12",
  steps: [],
  async build() {
    throw new GuestBuildFailure("debian-12 cannot be built yet.");
  },
};

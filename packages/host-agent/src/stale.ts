import { Fault } from "@serai/kit/fault";

/** The answer to a request that was made from an older intent than the stored one. */
export const stale = (what: string, id: string, generation: number): Fault =>
  new Fault("vm.stale_generation", `The store has ${what} ${id} at generation ${generation}; read it again.`);

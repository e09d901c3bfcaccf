import { device } from "./options.ts";

/** Tells the guest when it became another one: a clone, or one restored from a backup. */
export function vmgenidArgv(): string[] {
  return device({ driver: "vmgenid", id: "generation", guid: "auto" });
}

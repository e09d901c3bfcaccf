import { blockdev } from "./options.ts";

export type FirmwareInput = { code: string; vars: string };

export const flashNodes = { code: "firmware-code", vars: "firmware-vars" } as const;

/** UEFI: the code shared and read-only, the variables this VM's own copy. */
export function uefiArgv({ code, vars }: FirmwareInput): string[] {
  return [
    ...blockdev({
      driver: "raw",
      "node-name": flashNodes.code,
      "read-only": true,
      file: { driver: "file", filename: code },
    }),
    ...blockdev({ driver: "raw", "node-name": flashNodes.vars, file: { driver: "file", filename: vars } }),
  ];
}

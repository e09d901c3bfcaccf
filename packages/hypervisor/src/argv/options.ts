/**
 * QEMU's own syntaxes. JSON wherever 7.2 takes it: there, no value can turn into another option. The rest is the
 * comma syntax, in which a comma inside a value is written twice.
 */
export type JsonOption = { [key: string]: JsonValue };
type JsonValue = string | number | boolean | JsonValue[] | JsonOption;

export const device = (option: JsonOption): string[] => ["-device", JSON.stringify(option)];
export const blockdev = (option: JsonOption): string[] => ["-blockdev", JSON.stringify(option)];
export const object = (option: JsonOption): string[] => ["-object", JSON.stringify(option)];
export const netdev = (option: JsonOption): string[] => ["-netdev", JSON.stringify(option)];

/** `head,key=value,…` with every comma of a value doubled. */
export function commaOption(head: string, values: Record<string, string | number> = {}): string {
  const parts = Object.entries(values).map(([key, value]) => `${key}=${escapeComma(String(value))}`);
  return [escapeComma(head), ...parts].join(",");
}

const escapeComma = (value: string): string => value.replaceAll(",", ",,");

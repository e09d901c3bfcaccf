import { createRequire } from "node:module";
import { getSystemErrorName } from "node:util";
import type koffiModule from "koffi";

type Koffi = typeof koffiModule;

/** What one file needs of libc. A wrong signature crashes the process: keep them few, and each one tested. */
export type Libc = { koffi: Koffi; load: (signature: string) => (...args: unknown[]) => number };

let loaded: Libc | undefined;

/** Loads koffi at the first call that needs it: it costs 7 MiB, which idle processes must not pay. */
export function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const library = koffi.load(null);
  const functions = new Map<string, (...args: unknown[]) => number>();
  const load = (signature: string) => {
    const found = functions.get(signature) ?? (library.func(signature) as (...args: unknown[]) => number);
    functions.set(signature, found);
    return found;
  };
  loaded = { koffi, load };
  return loaded;
}

/** The name of the latest call's errno, such as "EPERM". Ask right after the call. */
export function errnoName(): string {
  const errno = libc().koffi.errno();
  return errno === 0 ? "OK" : getSystemErrorName(-errno);
}

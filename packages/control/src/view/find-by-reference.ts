import { Fault, type FaultCode } from "@serai/kit/fault";

type Shelf = { get(id: string): unknown; idOf(name: string): string | undefined; ids(): Iterable<string> };
type Named = { noun: string; notFound: FaultCode; nameOf: (id: string) => string };

/** The id that a person means: by id, by name, or by the first characters of an id (with or without its prefix). */
export function findByReference(shelf: Shelf, reference: string, named: Named): string {
  if (shelf.get(reference) !== undefined) return reference;
  const byName = shelf.idOf(reference);
  if (byName !== undefined) return byName;
  const found: string[] = [];
  for (const id of shelf.ids()) {
    if (id.startsWith(reference) || id.startsWith(reference, id.indexOf("-") + 1)) found.push(id);
    if (found.length > 10) break;
  }
  if (found.length === 1) return found[0] as string;
  if (found.length === 0) throw new Fault(named.notFound, `There is no ${named.noun} called ${reference}.`);
  const candidates = found.map((id) => ({ id, name: named.nameOf(id) }));
  throw new Fault(
    "name.ambiguous",
    `${reference} may mean ${candidates.map(({ id, name }) => `${name} (${id})`).join(", ")}: give more characters.`,
    { details: { candidates } },
  );
}

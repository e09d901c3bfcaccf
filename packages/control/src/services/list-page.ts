import { defaultPageSize, type JsonPage, type PageRequest } from "./request.ts";

/** One page of a list that is sorted by name; `after` is the last name of the page before. */
export function pageByName(
  names: readonly string[],
  page: PageRequest,
  jsonOf: (name: string) => string,
): Omit<JsonPage, "revision"> {
  const limit = page.limit ?? defaultPageSize;
  const from = page.after === undefined ? 0 : firstAfter(names, page.after);
  const items: string[] = [];
  const end = Math.min(names.length, from + limit);
  for (let at = from; at < end; at++) items.push(jsonOf(names[at] as string));
  return { items, ...(end < names.length && { next: names[end - 1] as string }) };
}

/** The index of the first name that is greater. */
function firstAfter(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] as string) <= name) low = middle + 1;
    else high = middle;
  }
  return low;
}

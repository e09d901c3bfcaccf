/** The middle value; of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle];
  if (upper === undefined) throw new Error("A median needs at least one value");
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

export const round = (value: number, digits = 2): number => Number(value.toFixed(digits));

/** Ends a benchmark: the one line on stdout that programs read. */
export function report(bench: string, figures: Record<string, number>): void {
  console.log(JSON.stringify({ bench, figures }));
}

export const progress = (text: string): void => console.error(text);

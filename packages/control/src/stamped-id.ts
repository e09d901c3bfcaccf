import type { Clock } from "@serai/kit/clock";

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz";

function encode(value: number, digits: number): string {
  let text = "";
  for (let rest = value, digit = 0; digit < digits; digit++, rest = Math.floor(rest / 32)) {
    text = alphabet[rest % 32] + text;
  }
  return text;
}

/**
 * Makes ids that sort by time: nine characters of milliseconds, three that count within one.
 * Made by one process at a time, so they need no randomness; `notBefore` keeps order when the clock went back.
 */
export function stampedIds(clock: Clock, notBefore?: string): (prefix: string) => string {
  let lastMs = notBefore === undefined ? 0 : decode(notBefore.slice(notBefore.indexOf("-") + 1).slice(0, 9));
  let count = 32 ** 3 - 1;
  return (prefix) => {
    const nowMs = clock.nowMs();
    if (nowMs > lastMs) [lastMs, count] = [nowMs, 0];
    else if (++count >= 32 ** 3) [lastMs, count] = [lastMs + 1, 0];
    return `${prefix}-${encode(lastMs, 9)}${encode(count, 3)}`;
  };
}

function decode(text: string): number {
  let value = 0;
  for (const letter of text) value = value * 32 + alphabet.indexOf(letter);
  return value;
}

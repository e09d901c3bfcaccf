const binaryUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** 1610612736 → "1.5 GiB". */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < binaryUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits))} ${binaryUnits[unit]}`;
}

export const perSecond = (count: number): string => `${bytes(Math.round(count))}/s`;

export const percent = (share: number): string => `${Math.round(share * 100)} %`;

/** 93784 → "1 d 2 h". Two units at most. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

/** "just now", "5 min ago", "in 3 s". */
export function relative(moment: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(moment)) / 1000;
  if (Number.isNaN(seconds)) return moment;
  if (Math.abs(seconds) < 5) return "just now";
  const coarse = (duration(Math.abs(seconds)).match(/^\d+ \w+/) ?? [""])[0];
  return seconds > 0 ? `${coarse} ago` : `in ${coarse}`;
}

const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
export const absolute = (moment: string): string => {
  const ms = Date.parse(moment);
  return Number.isNaN(ms) ? moment : dateTime.format(ms);
};

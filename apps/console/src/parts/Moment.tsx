import { absolute, relative } from "./format.ts";
import { useNow } from "./use-now.ts";

/** A moment as "5 min ago", with the exact time on hover and for machines. */
export function Moment({ at }: { at: string }) {
  const nowMs = useNow(10_000);
  return (
    <time dateTime={at} title={absolute(at)} className="nowrap">
      {relative(at, nowMs)}
    </time>
  );
}

import type { ReactNode } from "react";

/** A compact list of names and values. Entries without a value are left out. */
export function Facts({ entries }: { entries: readonly (readonly [ReactNode, ReactNode])[] }) {
  return (
    <dl className="facts">
      {entries
        .filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false)
        .map(([name, value], index) => (
          <div key={index}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

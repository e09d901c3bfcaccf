import type { ReactNode } from "react";

/** Lets a wide table scroll sideways, also by keyboard. */
export function TableScroller({ label, children }: { label: string; children: ReactNode }) {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable without a mouse
    <div className="table-scroller" tabIndex={0} role="region" aria-label={label}>
      {children}
    </div>
  );
}

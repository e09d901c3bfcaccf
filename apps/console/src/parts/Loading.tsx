import { Skeleton } from "@patternfly/react-core";

/** Grey bars in place of rows that are on their way. */
export function Loading({ rows = 6, label = "Loading" }: { rows?: number; label?: string }) {
  return (
    <div className="loading" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} height="1.5rem" width={`${92 - (index % 3) * 14}%`} />
      ))}
    </div>
  );
}

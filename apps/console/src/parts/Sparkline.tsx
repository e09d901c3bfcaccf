import { useId } from "react";

export type SparklineProps = {
  values: readonly number[];
  /** The value at the top edge; at least the largest value is used. */
  top: number;
  label: string;
  /** How many values fill the width. */
  slots?: number;
};

const width = 240;
const height = 56;
/** Fewer values leave the left empty, so that a first minute does not jump about. */
const minSlots = 24;

/** A small area chart of the latest values, newest at the right. */
export function Sparkline({ values, top, label, slots = Math.max(minSlots, values.length) }: SparklineProps) {
  const gradient = useId();
  const ceiling = Math.max(top, ...values, Number.EPSILON);
  const step = width / (slots - 1);
  const points = values.map((value, index) => {
    const x = width - (values.length - 1 - index) * step;
    return `${x.toFixed(1)},${(height - 2 - (value / ceiling) * (height - 6)).toFixed(1)}`;
  });
  const firstX = width - (values.length - 1) * step;
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <defs>
        <linearGradient id={gradient} x1="0" y1="0" x2="0" y2="1">
          <stop offset="0" className="sparkline__from" />
          <stop offset="1" className="sparkline__to" />
        </linearGradient>
      </defs>
      <line x1="0" x2={width} y1={height - 1} y2={height - 1} className="sparkline__base" />
      {points.length > 1 && (
        <>
          <polygon
            fill={`url(#${gradient})`}
            points={`${firstX.toFixed(1)},${height} ${points.join(" ")} ${width},${height}`}
          />
          <polyline className="sparkline__line" points={points.join(" ")} />
        </>
      )}
    </svg>
  );
}

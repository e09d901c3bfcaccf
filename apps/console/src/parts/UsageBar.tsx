/** A thin bar: how much of something is used; `text` says it in words. */
export function UsageBar({ share, text, label }: { share: number; text: string; label: string }) {
  const clamped = Math.min(1, Math.max(0, share));
  const level = clamped > 0.9 ? "high" : clamped > 0.7 ? "raised" : "normal";
  return (
    <span className="usage-bar">
      <span className="usage-bar__text">{text}</span>
      <meter className={`usage-bar__meter is-${level}`} min={0} max={1} value={clamped} aria-label={label} />
    </span>
  );
}

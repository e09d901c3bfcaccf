import { Sparkline } from "./Sparkline.tsx";

export type UsageTileProps = {
  title: string;
  now: string | undefined;
  note: string;
  values: readonly number[];
  top: number;
};

/** One figure now, and how it went. */
export function UsageTile({ title, now, note, values, top }: UsageTileProps) {
  return (
    <div className="tile">
      <h2 className="tile__title">{title}</h2>
      <p className="tile__now">{now ?? "–"}</p>
      <p className="tile__note">{note}</p>
      <Sparkline values={values} top={top} label={`${title}: ${now ?? "no sample yet"}`} />
    </div>
  );
}

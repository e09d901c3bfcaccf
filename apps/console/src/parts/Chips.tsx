export type Chip<K extends string> = { key: K; text: string; count?: number };

export type ChipsProps<K extends string> = {
  label: string;
  chips: readonly Chip<K>[];
  chosen: string;
  onChoose: (key: K) => void;
};

/** A row of choices of which one holds. */
export function Chips<K extends string>({ label, chips, chosen, onChoose }: ChipsProps<K>) {
  return (
    <div className="chips" role="group" aria-label={label}>
      {chips.map(({ key, text, count }) => (
        <button
          key={key}
          type="button"
          className={`chip is-${key}`}
          aria-pressed={key === chosen}
          onClick={() => onChoose(key)}
        >
          {text}
          {count !== undefined && <span className="chip__count"> {count}</span>}
        </button>
      ))}
    </div>
  );
}

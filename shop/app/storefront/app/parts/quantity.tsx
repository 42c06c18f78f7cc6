import { MOST_OF_ONE } from '../../model/cart.ts';

/** How many: typed, or one more and one less. @param what is counted, for those who hear the page */
export function Quantity({ value, what, onChange }: { value: number; what: string; onChange: (value: number) => void }) {
  const set = (next: number) => onChange(Math.min(MOST_OF_ONE, Math.max(1, Math.floor(next) || 1)));
  return (
    <fieldset className="quantity">
      <legend className="unseen">Quantity of {what}</legend>
      <button type="button" aria-label={`One less of ${what}`} disabled={value <= 1} onClick={() => set(value - 1)}>
        −
      </button>
      <input
        aria-label={`Quantity of ${what}`}
        inputMode="numeric"
        autoComplete="off"
        maxLength={2}
        value={value}
        onFocus={(event) => event.currentTarget.select()}
        onChange={(event) => {
          if (/^\d{1,2}$/.test(event.currentTarget.value)) set(Number(event.currentTarget.value));
        }}
        onBlur={(event) => {
          event.currentTarget.value = String(value);
        }}
      />
      <button type="button" aria-label={`One more of ${what}`} disabled={value >= MOST_OF_ONE} onClick={() => set(value + 1)}>
        +
      </button>
    </fieldset>
  );
}

import { grouped, TEST_CARDS } from '../../model/cards.ts';
import { Field } from './field.tsx';

/** The card to pay with: typed, or one of those that show what can happen to a payment. */
export function CardChoice({
  number,
  problem,
  onChange,
}: {
  number: string;
  problem: string | undefined;
  onChange: (number: string) => void;
}) {
  const digits = number.replace(/\D/g, '');
  return (
    <>
      <Field
        label="Card number"
        name="card"
        inputMode="numeric"
        autoComplete="off"
        maxLength={24}
        required
        placeholder="4242 4242 4242 4242"
        value={number}
        onChange={(event) => onChange(event.currentTarget.value)}
        hint="No real card: this shop has a payment provider of its own, which knows the cards below."
        keepsHint
        problem={problem}
      />
      <fieldset className="cards">
        <legend className="small muted">Test cards</legend>
        {TEST_CARDS.map((card) => (
          <button
            key={card.number}
            type="button"
            className="card-button"
            aria-pressed={digits === card.number}
            onClick={() => onChange(grouped(card.number))}
          >
            <span>{card.name}</span>
            <span className="small muted">{card.says}</span>
          </button>
        ))}
      </fieldset>
    </>
  );
}

/** What the provider does with a charge on a card. */
export type CardBehaviour =
  | { readonly kind: 'pays' }
  | { readonly kind: 'declines'; readonly reason: DeclineReason }
  /** Charges, then drops the connection of the first request. */
  | { readonly kind: 'charges-and-drops' }
  /** Charges, and lets the first request wait for its answer. */
  | { readonly kind: 'charges-and-answers-late'; readonly delayMs: number }
  /** Drops every connection and never charges. */
  | { readonly kind: 'drops' }
  /** Turns the first attempts of every key away, then pays. */
  | { readonly kind: 'unavailable'; readonly attempts: number }
  /** Pays; what was paid goes back as a whole only. */
  | { readonly kind: 'no-partial-refunds' };

/** Why a card was declined. */
export type DeclineReason = 'card_declined' | 'insufficient_funds';

const testCards: ReadonlyMap<string, CardBehaviour> = new Map<string, CardBehaviour>([
  ['4242424242424242', { kind: 'pays' }],
  ['4000000000000002', { kind: 'declines', reason: 'card_declined' }],
  ['4000000000009995', { kind: 'declines', reason: 'insufficient_funds' }],
  ['4000000000000119', { kind: 'charges-and-drops' }],
  ['4000000000000259', { kind: 'charges-and-answers-late', delayMs: 5_000 }],
  ['4000000000000341', { kind: 'drops' }],
  ['4000000000005126', { kind: 'no-partial-refunds' }],
  ['4000000000000432', { kind: 'unavailable', attempts: 2 }],
]);

/** The behaviour of a card. Every other valid number pays. */
export function behaviourOf(number: string): CardBehaviour {
  return testCards.get(number) ?? { kind: 'pays' };
}

/** Whether a value is a card number: 12 to 19 digits, the last of them a correct Luhn check digit. */
export function isCardNumber(value: unknown): value is string {
  return typeof value === 'string' && /^\d{12,19}$/.test(value) && luhnSum(value) % 10 === 0;
}

function luhnSum(digits: string): number {
  let sum = 0;
  for (let fromRight = 0; fromRight < digits.length; fromRight++) {
    const digit = Number(digits[digits.length - 1 - fromRight]);
    const doubled = fromRight % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum;
}

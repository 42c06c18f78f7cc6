/** A card that the payment provider of this shop knows, and what it does with it. */
export interface TestCard {
  readonly number: string;
  readonly name: string;
  readonly says: string;
}

/** The provider's test cards. Any other valid number pays. */
export const TEST_CARDS: readonly TestCard[] = [
  { number: '4242424242424242', name: 'Pays', says: 'Charged at once' },
  { number: '4000000000000002', name: 'Declined', says: 'Refused by the bank' },
  { number: '4000000000009995', name: 'Lacks funds', says: 'Not enough money' },
  { number: '4000000000000259', name: 'Slow', says: 'Charged, but answers too late: the shop asks' },
  { number: '4000000000000119', name: 'Lost answer', says: 'Charged, but the connection breaks' },
  { number: '4000000000000432', name: 'Busy bank', says: 'Turned away twice, then charged' },
  { number: '4000000000000341', name: 'Dead line', says: 'Never charged, never answered' },
];

/** A card number in groups of four, as people read it. */
export const grouped = (number: string): string => number.replace(/\D/g, '').replace(/(.{4})(?=.)/g, '$1 ');

/** What is wrong with a card number, if anything: its length, or its last digit, which checks the others (Luhn). */
export function cardProblem(text: string): string | undefined {
  const digits = text.replace(/[ -]/g, '');
  if (digits === '') return 'Enter a card number, or choose a test card';
  if (!/^\d{12,19}$/.test(digits)) return 'A card number has 12 to 19 digits';
  let sum = 0;
  for (const [fromRight, digit] of [...digits].reverse().entries()) {
    const doubled = fromRight % 2 === 1 ? Number(digit) * 2 : Number(digit);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0 ? undefined : 'One of the digits is not right';
}

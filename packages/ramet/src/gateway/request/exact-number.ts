/** No double is compared with more digits than these. */
const DIGITS_MAX = 100;

/**
 * Says why a number does not arrive as it was written, so that it can be refused whole instead of being rounded: what is stored would
 * be another number than what was sent. The rule: read as a double (which is what JavaScript has) and written again with as many
 * digits, it must be the same. That takes whatever another program writes of a double of its own (shortest form, 17 digits or all of
 * them), and nothing that has more to say than a double can hold. A whole number without point and exponent is meant exactly, and
 * beyond 2^53 not even one that happens to fit is taken: its neighbours could not be told from it.
 * @param text a number of JSON
 */
export function inexactness(text: string): string | undefined {
  const value = Number(text);
  if (!Number.isFinite(value)) return 'this number is too large';
  const beyond = Number.isInteger(value) && !Number.isSafeInteger(value);
  if (beyond && /^-?\d+$/.test(text)) return BEYOND;
  const digits = significant(text);
  if (digits === '') return undefined;
  if (value === 0) return 'this number is too small';
  // The shortest form first: between two that are as near it takes another one than rounding does.
  if (significant(String(value)) === digits) return undefined;
  if (digits.length <= DIGITS_MAX && significant(value.toPrecision(digits.length)) === digits) return undefined;
  return beyond ? BEYOND : 'this number has more digits than would arrive; send it as text, or with 15 digits';
}

const BEYOND = 'a whole number beyond 2^53 would arrive changed; send it as text';

/** The digits that count: without sign, point and exponent, and without zeros at either end. */
function significant(text: string): string {
  return text
    .replace(/e.*$/i, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '');
}

/** No double is compared with more digits than this. */
const DIGITS_MAX = 100;

/**
 * Says why a number would not arrive as it was written, so that it is refused instead of being rounded: otherwise the stored number
 * would differ from the sent one. The rule: read as a double (the only number of JavaScript) and written again with as many digits,
 * it must be the same. This accepts everything that another program writes of a double (the shortest form, 17 digits, or all digits),
 * and refuses everything that a double cannot hold. A whole number without point and exponent is meant exactly. Beyond 2^53 it is
 * refused even if a double can hold it, because it could not be distinguished from its neighbours.
 * @param text a number of JSON
 * @returns undefined where the number arrives unchanged
 */
export function inexactness(text: string): string | undefined {
  const value = Number(text);
  if (!Number.isFinite(value)) return 'this number is too large';
  const beyond = Number.isInteger(value) && !Number.isSafeInteger(value);
  if (beyond && /^-?\d+$/.test(text)) return BEYOND;
  const digits = significant(text);
  if (digits === '') return undefined;
  if (value === 0) return 'this number is too small';
  // The shortest form first: between two numbers at the same distance it chooses another one than rounding does.
  if (significant(String(value)) === digits) return undefined;
  if (digits.length <= DIGITS_MAX && significant(value.toPrecision(digits.length)) === digits) return undefined;
  return beyond ? BEYOND : 'this number has more digits than would arrive; send it as text, or with 15 digits';
}

const BEYOND = 'a whole number beyond 2^53 would arrive changed; send it as text';

/** The significant digits: without sign, point and exponent, and without zeros at either end. */
function significant(text: string): string {
  return text
    .replace(/e.*$/i, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '');
}

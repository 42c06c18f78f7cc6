import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { inexactness } from './exact-number.ts';

describe('a number that arrives as it was written', () => {
  test.each([
    '0',
    '-0',
    '0.0',
    '0e999',
    '1.50',
    '100.00',
    '0.1',
    '-12.34',
    '1e300',
    '1E-300',
    '9007199254740991',
    '-9007199254740991.0',
    '0.30000000000000004',
    '0.10000000000000001', // a double as C writes it
    '0.1000000000000000055511151231257827021181583404541015625', // all of it
    '5e-324',
    '1.7976931348623157e308',
    '12345678901234567e3',
    '-1582390115512598.2',
  ])('%s is accepted', (text) => expect(inexactness(text)).toBeUndefined());

  test('is every double as another program writes it', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: 17, max: 40 }), (value, digits) => {
        fc.pre(Number.isSafeInteger(value) || !Number.isInteger(value));
        for (const text of [JSON.stringify(value), value.toPrecision(17), value.toExponential(), value.toPrecision(digits)])
          expect([text, inexactness(text)]).toEqual([text, undefined]);
      }),
    );
  });

  test('is every decimal of 15 digits, wherever its point is', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 999_999_999_999_999n }), fc.integer({ min: -290, max: 290 }), (digits, exponent) => {
        expect(inexactness(`${digits}e${exponent}`)).toBeUndefined();
      }),
    );
  });
});

describe('a number that would change', () => {
  test.each([
    ['1e400', /too large/],
    ['-1e400', /too large/],
    [`1${'0'.repeat(400)}`, /too large/],
    ['1e-400', /too small/],
    ['9007199254740993', /2\^53/],
    ['9007199254740992', /2\^53/],
    ['9007199254740993.0', /2\^53/],
    ['9007199254740993e0', /2\^53/],
    ['90071992547409930e-1', /2\^53/],
    ['10000000000000000', /2\^53/],
    ['0.1234567890123456789', /digits/],
    ['3.14159265358979323846', /digits/],
    ['100000000000000.123', /digits/],
    ['1.00000000000000000000000000001', /digits/],
    ['4e-324', /digits/],
  ])('%s is refused', (text, why) => expect(inexactness(text)).toMatch(why));

  test('is never taken for its neighbour', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 70n }), fc.nat(3), (digits, point) => {
        const text = point === 0 ? `${digits}.0` : `${digits}${'0'.repeat(point)}e-${point}`;
        fc.pre(BigInt(Number(digits)) !== digits && digits % 10n !== 0n);
        expect(inexactness(text)).toMatch(/2\^53/);
      }),
    );
  });
});

import { expect, test } from 'vitest';
import { normalised } from './domain.ts';

test('an address is the same address in any capitals and with blanks around it', () => {
  expect(normalised(' Ada@Example.ORG ')).toBe('ada@example.org');
  expect(normalised(normalised('Ada@Example.ORG'))).toBe(normalised('ada@example.org'));
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cursorOf, positionOf, searchLine, wordsOf } from './domain.ts';

test('words are compared without case, accents and punctuation', () => {
  expect(wordsOf('Café-Crème, 300 ml (2×)!')).toEqual(['cafe', 'creme', '300', 'ml', '2']);
});

test('a text without letters and digits has no words', () => {
  expect(wordsOf(' %_-– ')).toEqual([]);
});

test('the search line holds every word after a blank, so that beginnings of words are found', () => {
  const line = searchLine({ name: 'Bath Towel', category: 'bath', description: 'Dries fast.' });
  expect(line).toBe(' bath towel bath dries fast');
  expect(line.includes(' tow')).toBe(true);
  expect(line.includes(' owel')).toBe(false);
});

test('words need no escaping in a pattern', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => wordsOf(text).every((word) => !/[%_\\'\s]/.test(word))));
});

test('a cursor names the position it was made from', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (name, sku) => {
      expect(positionOf(cursorOf({ name, sku }))).toEqual({ name, sku });
    }),
  );
});

test.each(['', 'nonsense', Buffer.from('{"a":1}').toString('base64url'), Buffer.from('["a"]').toString('base64url'), '%%%'])(
  'a text that is not a cursor of the catalogue is recognised (%j)',
  (cursor) => {
    expect(positionOf(cursor)).toBeUndefined();
  },
);

import { expect, test } from 'vitest';
import { found } from './fixture.ts';
import { notYet } from './not-yet.ts';

test('finds nothing where one page says what is missing, and the others link to it', () => {
  expect(found(notYet, 'not-yet', 'right')).toEqual([]);
});

test('names every other page that says that something is missing', () => {
  const instead = '(say it in docs/not-yet.md and link there, or say what holds today)';
  expect(found(notYet, 'not-yet', 'wrong')).toEqual([
    `README.md:3  not-yet  "not yet" says that something is missing ${instead}`,
    `README.md:5  not-yet  "no circuit breaker yet" says that something is missing ${instead}`,
    `docs/guide.md:1  not-yet  "planned" says that something is missing ${instead}`,
    `docs/guide.md:3  not-yet  "a later version" says that something is missing ${instead}`,
  ]);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameProblem, nearestName } from './name.ts';

test('names that npm accepts are accepted', () => {
  for (const name of ['my-app', 'a', 'app2', 'x.y_z~1', '-app', '@acme/shop', 'a'.repeat(214)])
    expect(nameProblem(name), name).toBeUndefined();
});

test.each([
  ['My-App', /capital/],
  ['my app', /npm allows/],
  ['.app', /npm allows/],
  ['_app', /npm allows/],
  ['größe', /npm allows/],
  ['a/b', /npm allows/],
  ['../x', /npm allows/],
  ['@acme', /npm allows/],
  ['@/x', /npm allows/],
  ['@acme/', /empty/],
  ['', /empty/],
  ['a\n', /npm allows/],
  ['a'.repeat(215), /214/],
  ['con', /Windows/],
  ['nul.txt', /Windows/],
  ['app.', /Windows/],
  ['node_modules', /something else/],
  ['http', /something else/],
  ['ramet', /installs a package/],
  ['zod', /installs a package/],
])('%j is refused', (name, why) => {
  expect(nameProblem(name)).toMatch(why);
});

test('a name that is proposed is always acceptable', () => {
  const nearly = fc.oneof(
    fc.array(fc.nat(0x2fff), { maxLength: 30 }).map((codes) => String.fromCharCode(...codes)),
    fc.constantFrom('HTTP', 'Ramet', 'Con', '__x__', 'Größe 1', '...'),
    fc.string({ minLength: 215 }),
  );
  fc.assert(
    fc.property(nearly, (name) => {
      const near = nearestName(name);
      expect(near === undefined || nameProblem(near) === undefined).toBe(true);
    }),
  );
  expect(nearestName('Café Été!')).toBe('cafe-ete');
  expect(nearestName('http')).toBe('http-app');
  expect(nearestName('...')).toBeUndefined();
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Keyed, logUniform } from './keyed.ts';

test('the same name gives the same number, whatever was drawn before', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.array(fc.string()), (seed, name, others) => {
      const busy = new Keyed(seed);
      for (const other of others) busy.next(other);
      expect(busy.of(name)).toBe(new Keyed(seed).of(name));
    }),
  );
});

test('other seeds and other names give other numbers', () => {
  const numbers = new Set<number>();
  for (let seed = 0; seed < 40; seed++) for (let name = 0; name < 40; name++) numbers.add(new Keyed(`${seed}`).of(`${name}`));
  expect(numbers.size).toBe(1_600);
  // Not only in their last digits.
  const ofSeeds = Array.from({ length: 40 }, (_, seed) => new Keyed(`${seed}`).of('name').toFixed(3));
  expect(new Set(ofSeeds).size).toBeGreaterThan(30);
});

test('removing all decisions of one site shifts no other', () => {
  const sites = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 40 });
  fc.assert(
    fc.property(fc.string(), sites, fc.constantFrom('a', 'b', 'c', 'd'), (seed, asked, without) => {
      const drawn = (some: readonly string[]) => {
        const keyed = new Keyed(seed);
        return some.map((site) => ({ site, number: keyed.next(site) })).filter(({ site }) => site !== without);
      };
      expect(drawn(asked)).toEqual(drawn(asked.filter((site) => site !== without)));
    }),
  );
});

test('one site gives another number each time', () => {
  const keyed = new Keyed('seed');
  expect(new Set(Array.from({ length: 1_000 }, () => keyed.next('site'))).size).toBe(1_000);
});

test('numbers are spread evenly over [0, 1)', () => {
  const keyed = new Keyed('seed');
  const tenths = new Array<number>(10).fill(0);
  for (let i = 0; i < 20_000; i++) {
    const number = keyed.next('site');
    expect(number >= 0 && number < 1).toBe(true);
    (tenths[Math.floor(number * 10)] as number)++;
  }
  for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(200);
});

test('a whole number lies within its bounds and reaches both', () => {
  const keyed = new Keyed('seed');
  expect(new Set(Array.from({ length: 200 }, () => keyed.int('site', 3, 6)))).toEqual(new Set([3, 4, 5, 6]));
});

test('from nothing, nothing is picked', () => {
  const keyed = new Keyed('seed');
  expect(new Set(Array.from({ length: 100 }, () => keyed.pick('site', ['a', 'b'])))).toEqual(new Set(['a', 'b']));
  expect(() => keyed.pick('site', [])).toThrow("'site' has nothing to pick from");
});

test('bytes differ from call to call and not from run to run', () => {
  const drawn = () => {
    const keyed = new Keyed('seed');
    return Array.from({ length: 500 }, () => Buffer.from(keyed.bytes('id', 10)).toString('hex'));
  };
  expect(new Set(drawn()).size).toBe(500);
  expect(drawn()).toEqual(drawn());
});

test('orders of magnitude are equally likely', () => {
  expect(logUniform(0, 1, 1_000)).toBe(1);
  expect(logUniform(1 / 3, 1, 1_000)).toBeCloseTo(10);
  expect(logUniform(2 / 3, 1, 1_000)).toBeCloseTo(100);
});

import { expect, test } from 'vitest';
import { cycles } from './cycles.ts';
import { found } from './fixture.ts';

test('finds nothing where no import comes back', () => {
  expect(found(cycles, 'cycles', 'right')).toEqual([]);
});

test('names the way round, types and lazy imports included', () => {
  expect(found(cycles, 'cycles', 'wrong')).toEqual([
    'shop/a.ts:1  cycles  import cycle: shop/a.ts -> shop/b.ts -> shop/c.ts -> shop/a.ts (move what both sides need into a file that imports neither)',
    'shop/lazy.ts:1  cycles  import cycle: shop/lazy.ts -> shop/lazy.ts (move what both sides need into a file that imports neither)',
  ]);
});

import { expect, test } from 'vitest';
import { found } from './fixture.ts';
import { todo } from './todo.ts';

test('finds nothing where whatever is left over has an owner', () => {
  expect(found(todo, 'todo', 'right')).toEqual([]);
});

test('names marks without an owner', () => {
  expect(found(todo, 'todo', 'wrong')).toEqual([
    'README.md:3  todo  TODO without an owner (do it now, or write TODO(name))',
    'shop/0001.sql:1  todo  TODO without an owner (do it now, or write TODO(name))',
    'shop/a.ts:1  todo  TODO without an owner (do it now, or write TODO(name))',
    'shop/a.ts:3  todo  FIXME without an owner (do it now, or write FIXME(name))',
  ]);
});

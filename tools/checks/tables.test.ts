import { expect, test } from 'vitest';
import { found } from './fixture.ts';
import { tables } from './tables.ts';

test('finds nothing where each folder names its own tables, an adapter those of its port, and the simulation all', () => {
  expect(found(tables, 'tables', 'right')).toEqual([]);
});

test('names SQL on the tables of another folder, and a list of tables that does not fit', () => {
  expect(found(tables, 'tables', 'wrong')).toEqual([
    'packages/ramet/src/admin/routes.ts:3  tables  the table ramet_sagas belongs to packages/ramet/src/saga (call a function of saga/)',
    'packages/ramet/src/store/retention.ts:1  tables  the table ramet_sagas belongs to packages/ramet/src/saga (call a function of saga/)',
    'packages/ramet/src/store/retention.ts:2  tables  the table ramet_commits belongs to packages/ramet/src/store/postgres (call a function of store/postgres/)',
    'ARCHITECTURE.md:1  tables  the list of tables lacks ramet_commits',
    'ARCHITECTURE.md:4  tables  the list of tables names ramet_gone, which no folder creates',
  ]);
});

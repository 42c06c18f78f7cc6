import { expect } from 'vitest';
import type { Case } from '../platform/cases.conformance.ts';
import { type OnStore, THINGS } from './fixture.conformance.ts';
import { type Migration, migrate, STORE_TABLES, type Store, type StoreCapabilities } from './index.ts';

const COLOURS: Migration = {
  name: '0002_colours',
  sql: `-- which colours there are; and how they are called
create table colours (id text primary key);
insert into colours values ('red;green'), ('it''s blue');`,
};
const MORE: Migration = { name: '0003_more', sql: "insert into colours values ('last')" };

const applied = async (store: Store): Promise<string[]> =>
  (await store.reader.all<{ name: string }>("select name from ramet_migrations where name not like 'ramet%' order by name")).map(
    (row) => row.name,
  );
const exists = async (store: Store, table: string): Promise<boolean> =>
  store.reader.all(`select 1 from ${table}`).then(
    () => true,
    () => false,
  );

/** Cases about migrations, whose lock and transaction are the adapter's. */
export function migrationCases(it: Case, onStore: OnStore, capabilities: StoreCapabilities): void {
  it(
    'runs migrations once and in order',
    onStore(async ({ store, platform }) => {
      for (let i = 0; i < 2; i++) await migrate(store, platform, [STORE_TABLES], [THINGS, COLOURS, MORE]);
      expect(await applied(store)).toEqual([THINGS.name, COLOURS.name, MORE.name]);
      const rows = await store.reader.all<{ id: string }>('select id from colours order by id');
      expect(rows.map((row) => row.id)).toEqual(["it's blue", 'last', 'red;green']);
    }),
  );

  it(
    'refuses a migration that was edited after it ran, and names it',
    onStore(async ({ store, platform }) => {
      await migrate(store, platform, [STORE_TABLES], [THINGS, COLOURS]);
      const edited = { ...COLOURS, sql: `${COLOURS.sql}\ninsert into colours values ('more');` };
      await expect(migrate(store, platform, [STORE_TABLES], [THINGS, edited, MORE])).rejects.toMatchObject({
        code: 'MigrationEdited',
        message: expect.stringContaining('0002_colours'),
      });
      expect(await applied(store)).toEqual([THINGS.name, COLOURS.name]);
      const onWindows = { ...COLOURS, sql: `${COLOURS.sql.replaceAll('\n', '\r\n')}\r\n` };
      await migrate(store, platform, [STORE_TABLES], [THINGS, onWindows]);
    }),
  );

  it(
    'refuses to start when a migration that ran was removed from the code',
    onStore(async ({ store, platform }) => {
      await migrate(store, platform, [STORE_TABLES], [THINGS, COLOURS]);
      await expect(migrate(store, platform, [STORE_TABLES], [THINGS, MORE])).rejects.toMatchObject({
        code: 'MigrationEdited',
        message: expect.stringContaining('0002_colours'),
      });
      expect(await applied(store)).toEqual([THINGS.name, COLOURS.name]);
    }),
  );

  it(
    'refuses a migration that was inserted before one that ran, and runs nothing',
    onStore(async ({ store, platform }) => {
      const LATER = { name: '0003_later', sql: 'create table later (id text)' };
      await migrate(store, platform, [STORE_TABLES], [THINGS, LATER]);
      await expect(migrate(store, platform, [STORE_TABLES], [THINGS, COLOURS, LATER])).rejects.toMatchObject({
        code: 'MigrationOutOfOrder',
        message: expect.stringMatching(new RegExp(`'0002_colours' comes before '${LATER.name}'.*give it a number after`)),
      });
      expect(await applied(store)).toEqual([THINGS.name, LATER.name]);
      expect(await exists(store, 'colours')).toBe(false);
      const renamed = { ...COLOURS, name: '0009_colours' };
      await migrate(store, platform, [STORE_TABLES], [THINGS, LATER, renamed]);
      expect(await applied(store)).toEqual([THINGS.name, LATER.name, renamed.name]);
    }),
  );

  it(
    'starts an older version on what a newer one has migrated',
    onStore(async ({ store, platform }) => {
      await migrate(store, platform, [STORE_TABLES], [THINGS, COLOURS, MORE]);
      await migrate(store, platform, [STORE_TABLES], [THINGS]);
      expect(await applied(store)).toEqual([THINGS.name, COLOURS.name, MORE.name]);
      await migrate(store, platform, [STORE_TABLES], [THINGS, COLOURS, MORE]);
      expect(await store.reader.all('select id from colours')).toHaveLength(3);
    }),
  );

  it(
    'keeps nothing of migrations when one of them fails, and names it',
    onStore(async ({ store, platform }) => {
      const broken = { name: '0003_broken', sql: 'create table half (id integer); insert into nowhere values (1)' };
      await expect(migrate(store, platform, [STORE_TABLES], [THINGS, COLOURS, broken])).rejects.toMatchObject({
        code: 'MigrationFailed',
        message: expect.stringContaining('0003_broken'),
      });
      expect(await applied(store)).toEqual([THINGS.name]);
      expect([await exists(store, 'half'), await exists(store, 'colours')]).toEqual([false, false]);
      await migrate(store, platform, [STORE_TABLES], [THINGS, COLOURS, { ...broken, sql: 'create table half (id integer)' }]);
      expect(await exists(store, 'half')).toBe(true);
    }),
  );

  it(
    'lets ten starters at once migrate once',
    onStore(async ({ store, platform, open }) => {
      const starters = capabilities.shared ? await Promise.all(Array.from({ length: 10 }, open)) : Array.from({ length: 10 }, () => store);
      await Promise.all(starters.map((starter) => migrate(starter, platform, [STORE_TABLES], [THINGS, COLOURS, MORE])));
      expect(await store.reader.all('select id from colours')).toHaveLength(3);
    }),
  );
}

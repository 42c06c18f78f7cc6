import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { sqlite } from '../store/sqlite/index.ts';
import { leastMs } from './fixtures/costs.fixture.ts';
import { type Age, agedBy, numbersOfSqlite } from './fixtures/grown.fixture.ts';
import { hot, scanning } from './fixtures/growth.fixture.ts';
import { startLived } from './fixtures/lived.fixture.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';

/** The full size runs with the engines. */
const AGE: Age = process.env['RAMET_GROWTH'] === 'full' ? { rows: 1_000_000, open: 100_000 } : { rows: 100_000, open: 20_000 };
/** What a statement on a store that has lived for long may take more than on an empty one, beside a factor. */
const SLACK_MS = 2;
const FACTOR = 10;

test('no statement of the framework reads a whole table or a whole index', async () => {
  using folder = temporaryFolder();
  await using lived = await startLived(folder.path, sqlite(folder.path));
  await lived.live('a');
  expect((await scanning(lived.recorded)).join('\n')).toBe('');
  expect(hot(lived.recorded).length).toBeGreaterThan(80);
});

test('a store that has lived for long costs what an empty one does', async () => {
  using young = temporaryFolder();
  using old = temporaryFolder();
  {
    await using lived = await startLived(old.path, sqlite(old.path));
    await lived.live('first');
  }
  for (const service of ['orders', 'stock'] as const) {
    const db = new DatabaseSync(join(old.path, `${service}.db`));
    db.exec('pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -262144; begin');
    for (const sql of agedBy(service, AGE, numbersOfSqlite, Date.now())) db.exec(sql);
    db.exec('commit');
    db.close();
  }
  await using empty = await startLived(young.path, sqlite(young.path));
  await using grown = await startLived(old.path, sqlite(old.path));
  for (const lived of [empty, grown]) await lived.live('now');
  const slow: string[] = [];
  for (const said of hot(grown.recorded)) {
    const before = await leastMs(empty.recorded.store(said.service), said);
    const after = await leastMs(grown.recorded.store(said.service), said);
    if (after > FACTOR * before + SLACK_MS) slow.push(`${before.toFixed(3)} -> ${after.toFixed(3)} ms: ${said.sql}`);
  }
  expect(slow.join('\n')).toBe('');
}, 300_000);

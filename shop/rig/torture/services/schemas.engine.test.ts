import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { takeCorner } from '../../harness/engines.ts';
import { SERVICES } from '../subscriptions.ts';
import { Schemas } from './schemas.ts';

const postgres = process.env.RAMET_TEST_POSTGRES ?? '';

test('tables are copied as they are, in the order in which their rows were written, and a broken index is reported', async () => {
  await using corner = await takeCorner({ postgres });
  await using schemas = new Schemas(corner.databaseUrl);
  const folder = mkdtempSync(join(tmpdir(), 'ramet-schemas-'));
  const client = new Client({ connectionString: corner.databaseUrl });
  try {
    await client.connect();
    for (const service of SERVICES) await client.query(`create schema ${service}`);
    await client.query('create table orders.t (id text primary key, n bigint, words text)');
    for (const [id, n, words] of [
      ['c', '9007199254740991', 'ü\n{"a":1}'],
      ['a', null, null],
      ['b', '-1', ''],
    ])
      await client.query('insert into orders.t values ($1, $2, $3)', [id, n, words]);
    await client.query('begin');
    await client.query("insert into orders.t values ('d'), ('e')");
    await client.query("insert into orders.t values ('A')");
    await client.query('commit');
    await schemas.copyTo(folder);
    using copy = new DatabaseSync(join(folder, 'orders.db'));
    expect(copy.prepare('select * from t order by rowid').all()).toEqual([
      { id: 'c', n: 9_007_199_254_740_991, words: 'ü\n{"a":1}', ramet_turn: 1 },
      { id: 'a', n: null, words: null, ramet_turn: 2 },
      { id: 'b', n: -1, words: '', ramet_turn: 3 },
      { id: 'd', n: null, words: null, ramet_turn: 4 },
      { id: 'e', n: null, words: null, ramet_turn: 4 },
      { id: 'A', n: null, words: null, ramet_turn: 4 },
    ]);
    expect(await schemas.unsound()).toEqual([]);
    // An index over a function that has changed its mind is one in the wrong order.
    await client.query("create function orders.f(n bigint) returns bigint immutable language sql as 'select n'");
    await client.query('create index t_f on orders.t (orders.f(n))');
    await client.query("create or replace function orders.f(n bigint) returns bigint immutable language sql as 'select -n'");
    expect(await schemas.unsound()).toEqual([expect.stringContaining('orders.t_f')]);
  } finally {
    await client.end();
    rmSync(folder, { recursive: true, force: true });
  }
});

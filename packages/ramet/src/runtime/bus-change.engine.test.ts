import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import type { BusFactory } from '../bus/index.ts';
import { postgresBus } from '../bus/postgres/index.ts';
import { command, contract, event } from '../contract/index.ts';
import { sharedEngine } from '../platform/engine.fixture.ts';
import { realPlatform } from '../platform/index.ts';
import { Secret } from '../security/index.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { eventually, temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const Id = z.object({ id: z.string() });
const Said = contract('said', { commands: { tell: command({ input: Id }) }, events: { Said: event(Id, { key: 'id' }) } });
const told = service(Said, { store: sql({ migrations: {} }) }).implement({
  commands: { tell: async ({ id }, { emit }) => emit.Said({ id }) },
});
const hears = service(contract('hears', {}), {
  store: sql<{ heard: { id: string } }>({ migrations: { '0001_heard': 'create table heard (id text not null)' } }),
}).implement({
  reactions: (on) => [on(Said.events.Said, async ({ id }, { db }) => void (await db.insertInto('heard').values({ id }).execute()))],
});

test('existing stores continue with another bus: no event is handled twice, and none is reported missing', {
  timeout: 60_000,
}, async () => {
  using folder = temporaryFolder();
  const schema = `bus_${randomBytes(4).toString('hex')}`;
  const lines: Record<string, unknown>[] = [];
  let said = 0;
  // Groups look at the log of a new bus before relays have filled it.
  const real = realPlatform();
  const platform = { ...real, point: (site: string) => (site === 'relay.read' ? real.timers.sleep(300) : undefined) };
  const day = async (bus: BusFactory) => {
    const runtime = await start(
      topology({ services: { said: told, hears }, profiles: { monolith: { store: sqlite(folder.path), bus } } }),
      {
        platform,
        logLevel: 'warn',
        logTo: (line) => lines.push(JSON.parse(line)),
      },
    );
    for (let i = 0; i < 20; i++) await runtime.client(Said).tell({ id: `n${said++}` });
    const rows = () => runtime.services.get('hears')?.store.reader.all<{ id: string }>('select id from heard');
    await eventually(rows, (heard) => heard?.length === said);
    expect(new Set((await rows())?.map(({ id }) => id)).size).toBe(said);
    await runtime.stop();
  };
  try {
    await day(embedded());
    await day(postgresBus(new Secret('bus-database', () => sharedEngine('postgres')), { schema }));
    await day(embedded());
    await day(postgresBus(async () => sharedEngine('postgres'), { schema }));
    expect(lines).toEqual([]);
  } finally {
    const client = new pg.Client(sharedEngine('postgres'));
    await client.connect();
    await client.query(`drop schema if exists ${schema} cascade`);
    await client.end();
  }
});

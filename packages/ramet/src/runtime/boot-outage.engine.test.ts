import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { postgresBus } from '../bus/postgres/index.ts';
import { command, contract, event } from '../contract/index.ts';
import { sharedEngine } from '../platform/engine.fixture.ts';
import { service, sql } from '../service/index.ts';
import { postgres, provision } from '../store/postgres/index.ts';
import { wayToPostgres } from '../store/postgres/outage.fixture.ts';
import type { StartOptions } from './options.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const FORMS = ['closed', 'reset', 'refused', '57P03', '57P01', '53300', '25006', '08006'] as const;
const AWAY_MS = 250;

const Things = contract('things', {
  commands: { add: command({ input: z.object({ id: z.string() }) }) },
  events: { Added: event(z.object({ id: z.string() }), { key: 'id' }) },
});
const things = service(Things, {
  store: sql<{ things: { id: string }; heard: { id: string } }>({
    migrations: { '0001_things': 'create table things (id text primary key)', '0002_heard': 'create table heard (id text primary key)' },
  }),
}).implement({
  commands: {
    async add({ id }, { db, emit }) {
      await db.insertInto('things').values({ id }).execute();
      emit.Added({ id });
    },
  },
  reactions: (on) => [on(Things.events.Added, async ({ id }, { db }) => void (await db.insertInto('heard').values({ id }).execute()))],
});

let way: Awaited<ReturnType<typeof wayToPostgres>>;
beforeAll(async () => {
  way = await wayToPostgres(sharedEngine('postgres'));
});
afterAll(() => way.close());

async function admin(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(sharedEngine('postgres'));
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Boots a service on new schemas, through the way that fails. */
async function boot(prepare: () => void, options: StartOptions = {}) {
  const prefix = `b${randomBytes(4).toString('hex')}_`;
  const { urls } = await provision(sharedEngine('postgres'), { services: ['things'], prefix });
  const through = (name: string) => {
    const url = new URL(urls[name] as string);
    url.host = new URL(way.url).host;
    return url.href;
  };
  const lines: Record<string, unknown>[] = [];
  const dispose = async () => {
    for (const name of ['things', 'bus']) await admin(`drop owned by "${prefix}${name}" cascade; drop role "${prefix}${name}"`);
  };
  prepare();
  try {
    const runtime = await start(
      topology({
        services: { things },
        profiles: {
          monolith: {
            store: postgres(() => through('things'), { statementTimeoutMs: 1_000, partitions: 2 }),
            bus: postgresBus(() => through('bus'), { schema: `${prefix}bus`, lease: '500ms' }),
          },
        },
      }),
      { logLevel: 'warn', logTo: (line) => lines.push(JSON.parse(line)), ...options },
    );
    return { runtime, lines, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function works(booted: Awaited<ReturnType<typeof boot>>): Promise<void> {
  const { runtime } = booted;
  const store = runtime.services.get('things')?.store;
  await runtime.client(Things).add({ id: 'one' }, { key: 'one' });
  for (let i = 0; i < 200 && (await store?.reader.all('select id from heard'))?.length !== 1; i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await store?.reader.all('select id from heard')).toEqual([{ id: 'one' }]);
  expect(await store?.reader.all("select name from ramet_migrations where name like '000%' order by name")).toEqual([
    { name: '0001_things' },
    { name: '0002_heard' },
  ]);
}

test('a boot whose connections break at any of its statements, in any way, waits and then works', { timeout: 600_000 }, async () => {
  const before = way.packets;
  const whole = await boot(() => {});
  const packets = way.packets - before;
  await whole.runtime.stop();
  await whole.dispose();
  expect(packets).toBeGreaterThan(30);
  let failed = 0;
  for (let at = 0; at < packets; at++) {
    const form = FORMS[at % FORMS.length] as (typeof FORMS)[number];
    const booted = await boot(() => way.fail(form, at, AWAY_MS)).catch((error: unknown) => {
      throw new Error(`${form} at packet ${at} of ${packets} ended the boot`, { cause: error });
    });
    try {
      if (way.failed) failed++;
      await works(booted);
    } finally {
      await booted.runtime.stop();
      await booted.dispose();
    }
  }
  expect(failed).toBeGreaterThan(packets * 0.8);
});

test('a server that falls silent during a boot is given up and asked again', { timeout: 120_000 }, async () => {
  // While it connects, while the schema is made ready, and while the migrations run.
  for (const at of [0, 2, 6]) {
    const booted = await boot(() => way.fail('silent', at, 1_000));
    try {
      expect(way.failed).toBe(true);
      await works(booted);
    } finally {
      await booted.runtime.stop();
      await booted.dispose();
    }
  }
});

test('a boot that waits says so once within seconds, with what to do, and says when it continues', { timeout: 60_000 }, async () => {
  const booted = await boot(() => way.fail('refused', 0, 3_500));
  try {
    const told = booted.lines.filter(({ event }) => event === 'start_waits' || event === 'start_continues');
    expect(told.map(({ msg }) => msg)).toEqual([
      expect.stringMatching(
        /^start waits: the store of 'things', for 60 s at most: .*127\.0\.0\.1:\d+.*ECONNREFUSED.*: start the server, or correct the URL$/,
      ),
      'start continues',
    ]);
    expect(told[0]).toMatchObject({ waitingFor: ["the store of 'things'"], bootWaitMs: 60_000 });
    expect(told[0]?.['waitedMs']).toBeLessThan(3_500);
    await works(booted);
  } finally {
    await booted.runtime.stop();
    await booted.dispose();
  }
});

test('a boot ends when its time is over, with one sentence', { timeout: 60_000 }, async () => {
  const error = await boot(() => way.fail('57P03', 0, 3_000), { bootWait: '500ms' }).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error).toMatchObject({
    code: 'BootFailed',
    message: expect.stringMatching(
      /'things' .*the database system is starting up.*wait until the server has started; the start waited for 0\.5 s$/,
    ),
  });
  await new Promise((resolve) => setTimeout(resolve, 3_000));
});

test.each([
  [
    'a wrong password',
    (url: URL) => Object.assign(url, { password: 'wrong' }),
    /password authentication failed.*correct the user or the password/,
  ],
  [
    'a missing database',
    (url: URL) => Object.assign(url, { pathname: '/nowhere' }),
    /does not exist.*create the database, or correct its name/,
  ],
  ["another service's schema", (url: URL) => void url.searchParams.set('schema', 'somebody_elses'), /provision/],
])('%s ends a boot at once, with what to do', async (_, spoil, expected) => {
  for (const part of ['store', 'bus'] as const) {
    if (part === 'bus' && String(expected).includes('provision')) continue;
    const prefix = `m${randomBytes(4).toString('hex')}_`;
    const { urls } = await provision(sharedEngine('postgres'), { services: ['things'], prefix });
    const of = (name: string) => {
      const url = new URL(urls[name] as string);
      if ((name === 'bus') === (part === 'bus')) spoil(url);
      return url.href;
    };
    try {
      const beganMono = performance.now();
      const system = topology({
        services: { things },
        profiles: { monolith: { store: postgres(() => of('things')), bus: postgresBus(() => of('bus'), { schema: `${prefix}bus` }) } },
      });
      await expect(start(system, { logTo: () => {} })).rejects.toMatchObject({
        code: 'BootFailed',
        message: expect.stringMatching(expected),
      });
      expect(performance.now() - beganMono).toBeLessThan(5_000);
    } finally {
      for (const name of ['things', 'bus']) await admin(`drop owned by "${prefix}${name}" cascade; drop role "${prefix}${name}"`);
    }
  }
});

import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { listDeadLetters, replayDeadLetter } from '../bus/index.ts';
import { command, contract, event, query } from '../contract/index.ts';
import { PermanentError } from '../errors/index.ts';
import { sql } from '../index.ts';
import { use } from '../rpc/index.ts';
import { saga } from '../saga/index.ts';
import { type HostedService, service } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { eventually, temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

/** Pairs that differ only in a NUL or half a surrogate pair. */
const ODD = ['\0', '\0one', '\0two', '\ud800', '\ud801', '\udc00\ud800', 'plain'];

const Ref = z.object({ id: z.string() });
const Texts = contract('texts', {
  commands: {
    begin: command({ input: Ref }),
    accept: command({ input: Ref }),
    drop: command({ input: Ref }),
    cancel: command({ input: Ref }),
    tell: command({ input: Ref }),
    count: command({ input: Ref, output: z.string() }),
    keep: command({ input: Ref }),
  },
  queries: { kept: query({ input: z.object({}), output: z.array(z.string()) }) },
  events: { Told: event(Ref, { key: 'id' }), Going: event(Ref, { key: 'id' }) },
});

async function startTexts(folder: string) {
  const effects = { accepted: [] as string[], dropped: [] as string[], handled: [] as string[], refuses: true };
  const program = saga('texts', {
    input: Ref,
    key: 'id',
    uses: { texts: use(Texts) },
    waitsFor: [Texts.events.Going],
    async run({ id }, { use, step, waitFor }) {
      await step(`accept ${id}`, use.texts.accept({ id }), { undo: use.texts.drop({ id }) });
      if (id.startsWith('fails')) throw new Error(`no ${id} today`);
      if (id.startsWith('waits')) await waitFor('going', Texts.events.Going, { key: id, timeout: '1m' });
    },
  });
  const texts = service(Texts, { store: sql({ migrations: { '0001_kept': 'create table kept (id text primary key)' } }) }).implement({
    sagas: [program],
    commands: {
      begin: (input, { start }) => start(program, input),
      accept: ({ id }) => void effects.accepted.push(id),
      drop: ({ id }) => void effects.dropped.push(id),
      cancel: async ({ id }, { cancel }) => void (await cancel(program, id, `because of ${id}`)),
      tell: ({ id }, { emit }) => (id.startsWith('waits') ? emit.Going({ id }) : emit.Told({ id })),
      count: async (_, { db, id }) => {
        const made = id('row');
        await (db as any).insertInto('kept').values({ id: made }).execute();
        return made;
      },
      keep: async ({ id }, { db }) => {
        await (db as any).insertInto('kept').values({ id }).execute();
      },
    },
    queries: {
      kept: async (_, { db }) => ((await (db as any).selectFrom('kept').select('id').execute()) as { id: string }[]).map(({ id }) => id),
    },
    reactions: (on) => [
      on(Texts.events.Told, ({ id }) => {
        if (effects.refuses) throw new PermanentError(`cannot handle ${id} now`);
        effects.handled.push(id);
      }),
    ],
  });
  const runtime = await start(topology({ services: { texts }, profiles: { monolith: { store: sqlite(folder), bus: embedded() } } }), {
    logLevel: 'silent',
  });
  const hosted = runtime.services.get('texts') as HostedService;
  const sagas = (state: string) =>
    hosted.store.reader.all<{ business_key: string; failure: string | null }>(
      'select business_key, failure from ramet_sagas where state = ?',
      state,
    );
  return { runtime, client: runtime.client(Texts), hosted, effects, sagas, [Symbol.asyncDispose]: () => runtime.stop() };
}

test('each of two keys that differ only in a NUL or half a surrogate pair has its own saga', async () => {
  using folder = temporaryFolder();
  await using t = await startTexts(folder.path);
  for (const id of ODD) await t.client.begin({ id });
  for (const id of ODD) await t.client.begin({ id });
  const done = await eventually(
    () => t.sagas('COMPLETED'),
    (rows) => rows.length === ODD.length,
  );
  expect(done.map((row) => row.business_key).sort()).toEqual([...ODD].sort());
  expect([...t.effects.accepted].sort()).toEqual([...ODD].sort());
});

test('a saga that fails or is cancelled with such a text is undone, and one that waits for such a key continues', async () => {
  using folder = temporaryFolder();
  await using t = await startTexts(folder.path);
  const failing = ODD.map((odd) => `fails ${odd}`);
  const waiting = ODD.map((odd) => `waits ${odd}`);
  for (const id of [...failing, ...waiting]) await t.client.begin({ id });
  await eventually(
    () => t.sagas('COMPENSATED'),
    (rows) => rows.length === failing.length,
  );
  expect((await t.sagas('COMPENSATED')).map(({ failure }) => failure).sort()).toEqual(failing.map((id) => `Error: no ${id} today`).sort());
  expect([...t.effects.dropped].sort()).toEqual([...failing].sort());
  await eventually(() => t.effects.accepted.length === ODD.length * 2);
  await t.client.cancel({ id: waiting[0] as string });
  for (const id of waiting.slice(1)) await t.client.tell({ id });
  const ended = await eventually(
    () => t.sagas('COMPLETED'),
    (rows) => rows.length === waiting.length - 1,
  );
  expect(ended.map((row) => row.business_key).sort()).toEqual(waiting.slice(1).sort());
  await eventually(
    () => t.sagas('COMPENSATED'),
    (rows) => rows.some(({ failure }) => failure?.includes(`because of ${waiting[0]}`) === true),
  );
});

test('an event of such a key whose handler fails with such a text is a dead letter, which is replayed with what waits behind it', async () => {
  using folder = temporaryFolder();
  await using t = await startTexts(folder.path);
  for (const id of [...ODD, ...ODD]) await t.client.tell({ id });
  const letters = await eventually(
    () => listDeadLetters(t.hosted.store),
    (found) => found.length === ODD.length,
  );
  expect(letters.map(({ key }) => key).sort()).toEqual([...ODD].sort());
  for (const { key, error } of letters) expect(error).toContain(`cannot handle ${key} now`);
  t.effects.refuses = false;
  for (const { id } of letters) await replayDeadLetter(t.hosted.store, id);
  for (const subscription of t.hosted.consumers) subscription.wake();
  await eventually(() => t.effects.handled.length === ODD.length * 2);
  expect([...t.effects.handled].sort()).toEqual([...ODD, ...ODD].sort());
  await eventually(
    () => t.hosted.store.reader.all('select key from ramet_retries'),
    (blocked) => blocked.length === 0,
  );
});

test('each idempotency key is a request of its own, and its repetition has its answer', async () => {
  using folder = temporaryFolder();
  await using t = await startTexts(folder.path);
  const first = [];
  for (const key of ODD) first.push(await t.client.count({ id: 'a' }, { key: `key ${key}` }));
  const again = [];
  for (const key of ODD) again.push(await t.client.count({ id: 'a' }, { key: `key ${key}` }));
  expect((await t.client.kept({})).sort()).toEqual([...first].sort());
  expect(again).toEqual(first);
});

test('a row of the service that holds such a text is refused by name, on every engine', async () => {
  using folder = temporaryFolder();
  await using t = await startTexts(folder.path);
  for (const id of ODD.slice(0, -1))
    await expect(t.client.keep({ id })).rejects.toMatchObject({ code: 'BadRequest', message: expect.stringMatching(/U\+0000|surrogate/) });
  await t.client.keep({ id: 'plain' });
  expect(await t.client.kept({})).toEqual(['plain']);
});

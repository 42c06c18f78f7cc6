import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../../bus/embedded/index.ts';
import { command, contract } from '../../contract/index.ts';
import { DAY, HOUR } from '../../platform/index.ts';
import { movable } from '../../platform/movable.fixture.ts';
import { type Reply, type Transport, use } from '../../rpc/index.ts';
import { fault } from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { type Runtime, start, topology } from '../../runtime/index.ts';
import { operate, SAGAS_ENDED, saga } from '../../saga/index.ts';
import type { Store } from '../../store/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import { service, sql } from '../index.ts';

/* What is remembered for how long, over restarts, weeks and years: effects are counted, not answers. */

const Ref = z.object({ id: z.string() });
const Owner = contract('owner', {
  commands: { begin: command({ input: Ref }), stop: command({ input: Ref, output: z.string() }), send: command({ input: Ref }) },
});
const Stock = contract('stock', { commands: { reserve: command({ input: Ref }), release: command({ input: Ref }) } });
const store = sql<{}>({ migrations: {} });

let effects: string[] = [];
let clock = movable();
let folder = temporaryFolder();
let runtime: Runtime | undefined;
let lines: string[] = [];
/** Stands between the services; undefined passes calls on. */
let between: ((operation: string, real: () => Promise<Reply>) => Promise<Reply>) | undefined;

const trial = saga('trial', {
  input: Ref,
  key: 'id',
  uses: { stock: use(Stock) },
  async run({ id }, { use: { stock }, step, sleep }) {
    await step('reserve', stock.reserve({ id }), { undo: stock.release({ id }) });
    if (id === 'quick') return;
    await sleep('trial period', id.split(' ')[1] as '31d');
    throw new Error('the customer did not buy');
  },
});

beforeEach(() => {
  effects = [];
  lines = [];
  clock = movable();
  folder = temporaryFolder();
  between = undefined;
});
afterEach(async () => {
  await runtime?.stop();
  folder[Symbol.dispose]();
});

const wire = (real: Transport): Transport => ({
  ...real,
  call: (target, input, meta, cancellation) => {
    const call = () => real.call(target, input, meta, cancellation);
    return target.service === 'stock' && between ? between(target.operation, call) : call();
  },
});

async function restart(keepSagas?: '40d'): Promise<Runtime> {
  await runtime?.stop();
  const owner = service(Owner, { store, uses: { stock: use(Stock) }, ...(keepSagas ? { keepSagas } : {}) }).implement({
    sagas: [trial],
    commands: {
      begin: (input, ctx) => ctx.start(trial, input),
      stop: ({ id }, { cancel }) => cancel(trial, id, 'not wanted'),
      send: (input, { send }) => send(Stock.commands.reserve, input),
    },
  });
  const stock = service(Stock, { store }).implement({
    commands: { reserve: ({ id }) => void effects.push(`reserve ${id}`), release: ({ id }) => void effects.push(`release ${id}`) },
  });
  runtime = await start(topology({ services: { owner, stock }, profiles: { one: { store: sqlite(folder.path), bus: embedded() } } }), {
    platform: clock.platform,
    transport: wire,
    logTo: (line) => void lines.push(line),
  });
  return runtime;
}
const storeOf = (name: string) => runtime?.services.get(name)?.store as Store;
const dispatcherOf = (name: string) =>
  runtime?.services.get(name)?.dispatcher as unknown as { call: (...given: unknown[]) => Promise<Reply> };
const state = async (id: string) =>
  (await storeOf('owner').reader.get<{ state: string }>('select state from ramet_sagas where business_key = ?', id))?.state;
const fences = async () => (await storeOf('stock').reader.all('select step_key from ramet_fences')).length;
const asleep = () => eventually(() => storeOf('owner').reader.get('select 1 from ramet_sagas where owner is null'));

/** Waits until the retention of a store has run. */
async function retained(name: string): Promise<void> {
  await storeOf(name).write((tx) =>
    tx.run(
      "insert into ramet_requests (operation, principal, key, body_hash, at, keep_until) values ('x', 'user:x', 'canary', '', 0, 0) on conflict do nothing",
    ),
  );
  clock.move(10 * 60_000);
  await runtime?.stop();
  await restart();
  await eventually(async () => (await storeOf(name).reader.get("select 1 from ramet_requests where key = 'canary'")) === undefined);
}

describe('a step of a saga', () => {
  test.each(['31d', '700d'])('is undone after a sleep of %s, however often its participant has deleted old rows', async (forHowLong) => {
    await restart();
    const id = `a ${forHowLong}`;
    await runtime?.client(Owner).begin({ id });
    await asleep();
    clock.move(Number.parseInt(forHowLong, 10) * DAY - HOUR);
    await restart();
    await retained('stock');
    expect(await fences()).toBe(1);
    clock.move(2 * HOUR);
    await eventually(
      () => state(id),
      (now) => now === 'COMPENSATED',
    );
    expect(effects).toEqual([`reserve ${id}`, `release ${id}`]);
  });

  test('that is older than any fence is in doubt, and an operator resolves it', async () => {
    await restart();
    const id = 'a 1200d';
    await runtime?.client(Owner).begin({ id });
    await asleep();
    clock.move(1_200 * DAY - HOUR);
    await restart();
    await eventually(async () => (await fences()) === 0);
    clock.move(2 * HOUR);
    await eventually(
      () => state(id),
      (now) => now === 'IN_DOUBT',
    );
    expect(effects).toEqual([`reserve ${id}`]);
    const owner = runtime?.services.get('owner');
    const row = await storeOf('owner').reader.get<{ id: string; attention: string }>(
      'select id, attention from ramet_sagas where business_key = ?',
      id,
    );
    expect(row?.attention).toContain('needs an operator');
    const resolver: Parameters<typeof operate>[1] = (_, { service: name, operation, input }, step) =>
      dispatcherOf(name).call(
        operation,
        input,
        {
          caller: { kind: 'service', subject: 'owner', scopes: [] },
          trace: { correlationId: 'c', traceparent: 'x' },
          depth: 0,
          timeoutMs: 1_000,
          step,
        },
        { signal: new AbortController().signal },
      );
    await operate(storeOf('owner'), resolver, row?.id as string, 'ann', {
      kind: 'resolve',
      step: 'reserve',
      effect: 'applied',
      reason: 'it is there',
    });
    owner?.engine?.poke();
    await eventually(
      () => state(id),
      (now) => now === 'COMPENSATED',
    );
    expect(effects).toEqual([`reserve ${id}`, `release ${id}`]);
  });
});

describe('when a saga has ended', () => {
  const quick = async () => {
    await restart();
    await runtime?.client(Owner).begin({ id: 'quick' });
    await eventually(
      () => state('quick'),
      (now) => now === 'COMPLETED',
    );
  };
  const later = async (days: number, keepSagas?: '40d') => {
    clock.move(days * DAY);
    await restart(keepSagas);
  };

  test('its participants forget it after 30 days, and its owner after 90, except for its key', async () => {
    await quick();
    await later(29);
    await retained('stock');
    expect(await fences()).toBe(1);
    await later(2);
    await eventually(async () => (await fences()) === 0);
    expect(await state('quick')).toBe('COMPLETED');
    await later(60);
    await eventually(async () => (await state('quick')) === undefined, Boolean, 20_000);
    for (const table of ['ramet_saga_steps', 'ramet_saga_log'])
      expect(await storeOf('owner').reader.all(`select * from ${table}`)).toEqual([]);
    // It does not start again, and a cancellation still knows it.
    await runtime?.client(Owner).begin({ id: 'quick' });
    expect(await runtime?.client(Owner).stop({ id: 'quick' })).toBe('refused');
    expect(await state('quick')).toBeUndefined();
    expect(effects).toEqual(['reserve quick']);
  });

  test('it is kept as long as its service says', async () => {
    await quick();
    await later(41, '40d');
    await eventually(async () => (await state('quick')) === undefined, Boolean, 20_000);
    expect(await fences()).toBe(0);
  });

  test('it is kept until every participant was notified, and a participant that does not know the call is notified again', async () => {
    await quick();
    const told: string[] = [];
    between = async (operation, real) => {
      if (operation !== SAGAS_ENDED) return real();
      told.push(operation);
      return fault('UnknownOperation', 'no');
    };
    await later(100);
    await eventually(() => told.length > 0);
    await retained('stock');
    expect([await state('quick'), await fences()]).toEqual(['COMPLETED', 1]);
    between = undefined;
    await later(1);
    await eventually(async () => (await state('quick')) === undefined, Boolean, 20_000);
    expect(await fences()).toBe(0);
  });

  test('only its owner can make a participant forget it', async () => {
    await quick();
    const keys = (await storeOf('stock').reader.all<{ step_key: string }>('select step_key from ramet_fences')).map(
      ({ step_key }) => step_key,
    );
    const dispatcher = dispatcherOf('stock');
    const say = (caller: object, steps: unknown) =>
      dispatcher.call(SAGAS_ENDED, { steps }, { caller: { scopes: [], ...caller }, trace: {}, depth: 0, timeoutMs: 1_000 }, {});
    expect(await say({ kind: 'user', subject: 'owner' }, keys)).toMatchObject({ code: 'Forbidden' });
    expect(await say({ kind: 'service', subject: 'owner' }, [1])).toMatchObject({ code: 'BadRequest' });
    expect(await say({ kind: 'service', subject: 'owner' }, Array(1_000).fill('x'))).toMatchObject({ code: 'BadRequest' });
    expect(await say({ kind: 'service', subject: 'another' }, keys)).toMatchObject({ ok: true });
    expect(await fences()).toBe(1);
    // What is under way is brought to its end, and kept for a while.
    await storeOf('stock').write((tx) => tx.run("update ramet_fences set state = 'CANCELLING'"));
    expect(await say({ kind: 'service', subject: 'owner' }, keys)).toMatchObject({ ok: true });
    expect(await fences()).toBe(1);
    await storeOf('stock').write((tx) => tx.run("update ramet_fences set state = 'UNDONE'"));
    expect(await say({ kind: 'service', subject: 'owner' }, keys)).toMatchObject({ ok: true });
    expect(await fences()).toBe(0);
  });
});

describe('a sent command', () => {
  const sent = () =>
    storeOf('owner').reader.all<{ last_error: string | null; given_up_at: number | null }>(
      'select last_error, given_up_at from ramet_timers',
    );
  /** It takes effect, and its sender does not hear of it. */
  const deaf = async () => {
    between = async (_, real) => {
      await real();
      return fault('Unavailable', 'unknown');
    };
    await restart();
    await runtime?.client(Owner).send({ id: 'a' });
    await eventually(() => effects.length === 1);
  };

  test('takes effect once when its sender learns of it only the next day', async () => {
    await deaf();
    clock.move(25 * HOUR);
    await restart();
    await retained('stock');
    between = undefined;
    await eventually(async () => (await sent()).length === 0, Boolean, 40_000);
    expect(effects).toEqual(['reserve a']);
  });

  test('whose key may be forgotten is neither run nor dropped: it is given up with a reason', async () => {
    await deaf();
    clock.move(15 * DAY);
    await restart();
    await retained('stock');
    between = undefined;
    await eventually(sent, ([row]) => row?.given_up_at != null, 40_000);
    expect(await sent()).toMatchObject([{ last_error: expect.stringContaining('15 days ago') }]);
    expect(lines.some((line) => line.includes('due work given up: DedupHorizon'))).toBe(true);
    expect(effects).toEqual(['reserve a']);
  });

  test('that could not be delivered for a month is delivered: nothing of it was forgotten', async () => {
    await restart();
    await runtime?.client(Stock).release({ id: 'before' }, { key: 'before' });
    clock.move(2 * HOUR);
    between = async () => fault('Unavailable', 'no');
    await restart();
    await runtime?.client(Owner).send({ id: 'a' });
    await eventually(async () => (await storeOf('owner').reader.get('select 1 from ramet_timers where attempts > 1')) !== undefined);
    clock.move(30 * DAY);
    await restart();
    await retained('stock');
    between = undefined;
    await eventually(async () => (await sent()).length === 0, Boolean, 40_000);
    expect(effects).toEqual(['release before', 'reserve a']);
    expect(await storeOf('stock').reader.get("select 1 from ramet_requests where key = 'before'")).toBeUndefined();
  });
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Platform, realPlatform } from '../../platform/index.ts';
import { eventually, staysTrueFor } from '../../runtime/fixtures/start.fixture.ts';
import { migrate, type Store, type Tx } from '../../store/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import { FRAMEWORK_TABLES } from '../framework-tables.ts';
import { type HostedSchedule, listSchedules, retrySchedule, ScheduleWorker } from './schedule-worker.ts';
import { compileTiming } from './timing.ts';

const HOUR_MS = 3_600_000;
const real = realPlatform();
let folder: string;
/** By how much the clock of the database is ahead. */
let aheadMs: number;
let platform: Platform;
let store: Store;
const workers: ScheduleWorker[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ramet-'));
  aheadMs = 0;
  platform = { ...real, clock: { wallNow: () => real.clock.wallNow() + aheadMs, monoNow: () => real.clock.monoNow() } };
  store = await sqlite(folder, { exclusive: false }).open('reports', { platform, onWarning: () => {}, onFatal: () => {} });
  await migrate(store, platform, FRAMEWORK_TABLES, [
    { name: '0001_runs', sql: 'create table runs (due bigint not null, who text not null)' },
  ]);
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop()));
  await store.close();
  rmSync(folder, { recursive: true });
});

const note = (who: string) => async (tx: Tx, due: Date) =>
  void (await tx.run('insert into runs (due, who) values (?, ?)', due.getTime(), who));
const runs = async () =>
  (await store.reader.all<{ due: number; who: string }>('select due, who from runs order by rowid')).map(({ due, who }) => ({
    due: Number(due),
    who,
  }));
const hourly = (run: HostedSchedule['run'] = note('one')): HostedSchedule => ({
  name: 'hourly',
  timing: compileTiming({ every: '1h' }),
  run,
});

function worker(schedules: readonly HostedSchedule[], over: Store = store) {
  const failed: unknown[] = [];
  const outcomes: string[] = [];
  const made = new ScheduleWorker({
    platform,
    store: over,
    owner: `own_${workers.length}`,
    schedules,
    onError: (error, run) => failed.push([String(error), run?.attempt]),
    instrument: {
      spans: false,
      begin: () => ({ under: (trace) => trace, end: (outcome) => outcome !== 'elsewhere' && outcomes.push(outcome) }),
    },
  });
  workers.push(made);
  made.start();
  return { made, failed, outcomes };
}
async function known(): Promise<void> {
  await eventually(async () => (await listSchedules(store)).length > 0);
}

test('a new schedule is not due, and runs once for each occurrence after that', async () => {
  const { made, outcomes } = worker([hourly()]);
  await known();
  await staysTrueFor(30, async () => (await runs()).length === 0);
  const [first] = await listSchedules(store);
  for (let i = 1; i <= 3; i++) {
    aheadMs = i * HOUR_MS + 1_000;
    made.wake();
    await eventually(async () => (await runs()).length === i);
  }
  const due = Date.parse(first?.dueAt as string);
  expect(await runs()).toEqual([0, 1, 2].map((i) => ({ due: due + i * HOUR_MS, who: 'one' })));
  expect(outcomes).toEqual(['done', 'done', 'done']);
});

test('one run stands for what was missed while no process ran, and the interval is kept', async () => {
  await worker([hourly()]).made.stop().then(known);
  const [before] = await listSchedules(store);
  const due = Date.parse(before?.dueAt as string);
  aheadMs = 10.5 * HOUR_MS;
  worker([hourly()]);
  await eventually(async () => (await runs()).length > 0);
  await staysTrueFor(50, async () => (await runs()).length === 1);
  expect(await runs()).toEqual([{ due, who: 'one' }]);
  expect((await listSchedules(store))[0]).toMatchObject({ dueAt: new Date(due + 10 * HOUR_MS).toISOString(), attempts: 0 });
});

test('one of several replicas runs each occurrence', async () => {
  const shared = { ...store, capabilities: { ...store.capabilities, shared: true } };
  const replicas = ['a', 'b', 'c'].map((who) => worker([hourly(note(who))], shared));
  await known();
  for (let i = 1; i <= 5; i++) {
    aheadMs = i * HOUR_MS + 1_000;
    for (const { made } of replicas) made.wake();
    await eventually(async () => (await runs()).length >= i);
  }
  await staysTrueFor(50, async () => (await runs()).length === 5);
  expect(new Set((await runs()).map(({ due }) => due)).size).toBe(5);
  expect(replicas.flatMap(({ outcomes, failed }) => [...outcomes, ...failed])).toEqual(Array(5).fill('done'));
});

test('a run belongs to the process that began it until the lease ends, and late writes of that process are refused', async () => {
  const shared = { ...store, capabilities: { ...store.capabilities, shared: true } };
  let stall: (() => void) | undefined;
  const stalling: Store = {
    ...shared,
    async write(work, options) {
      if (options?.name?.includes('schedule hourly'))
        await new Promise<void>((resolve) => {
          stall = resolve;
        });
      return shared.write(work, options);
    },
  };
  const slow = worker([hourly(note('slow'))], stalling);
  await known();
  aheadMs = HOUR_MS + 1_000;
  slow.made.wake();
  await eventually(() => stall !== undefined);
  const quick = worker([hourly(note('quick'))], shared);
  await staysTrueFor(50, async () => (await runs()).length === 0);
  aheadMs += 61_000;
  quick.made.wake();
  await eventually(async () => (await runs()).length === 1);
  stall?.();
  await staysTrueFor(50, async () => (await runs()).length === 1);
  expect((await runs()).map(({ who }) => who)).toEqual(['quick']);
  expect(slow.outcomes).toEqual([]);
});

test('a run that fails leaves nothing behind, is reported, and is retried with growing pauses for the same occurrence', async () => {
  let broken = true;
  const { made, failed, outcomes } = worker([
    hourly(async (tx, due) => {
      await note('half')(tx, due);
      if (broken) throw new Error('no paper');
    }),
  ]);
  await known();
  const [before] = await listSchedules(store);
  aheadMs = HOUR_MS + 1_000;
  made.wake();
  await eventually(() => failed.length === 1);
  expect(await runs()).toEqual([]);
  await eventually(async () => (await listSchedules(store))[0]?.lastError !== undefined);
  expect((await listSchedules(store))[0]).toMatchObject({ attempts: 1, lastError: 'Error: no paper', dueAt: before?.dueAt });
  await staysTrueFor(100, () => failed.length === 1);
  aheadMs += 2_000;
  made.wake();
  await eventually(() => failed.length === 2);
  broken = false;
  aheadMs += 10_000;
  made.wake();
  await eventually(async () => (await runs()).length === 1);
  expect(await runs()).toEqual([{ due: Date.parse(before?.dueAt as string), who: 'half' }]);
  expect(failed).toEqual([
    ['Error: no paper', 1],
    ['Error: no paper', 2],
  ]);
  expect(outcomes).toEqual(['failed', 'failed', 'done']);
});

test('a process that crashes in a run has had no effect; the next one runs it, and counts both attempts', async () => {
  const dying = worker([hourly(() => new Promise(() => {}))], {
    ...store,
    write: (work, options) => (options?.name?.includes('schedule hourly') ? new Promise(() => {}) : store.write(work, options)),
  });
  await known();
  aheadMs = HOUR_MS + 1_000;
  dying.made.wake();
  await eventually(async () => (await listSchedules(store))[0]?.attempts === 1);
  workers.length = 0;
  worker([hourly(note('next'))]);
  await eventually(async () => (await runs()).length === 1);
  expect((await runs()).map(({ who }) => who)).toEqual(['next']);
});

test('a schedule that crashes its process each time is given up after eight starts, and runs again when an operator retries it', async () => {
  let dead = false;
  const dies = { ...hourly(), name: 'poison' };
  const dying = (): Store => {
    let alive = true;
    return {
      ...store,
      write: (work, options) => {
        if (options?.name?.includes('schedule poison')) {
          alive = false;
          dead = true;
        }
        return alive ? store.write(work, options) : new Promise(() => {});
      },
    };
  };
  let starts = 0;
  const poison = async () => (await listSchedules(store)).find(({ name }) => name === 'poison');
  await worker([dies, hourly()]).made.stop().then(known);
  aheadMs = HOUR_MS + 1_000;
  while ((await poison())?.givenUpAt === undefined) {
    dead = false;
    const { made } = worker([dies, hourly()], dying());
    await eventually(async () => {
      // The pauses after a crash grow: time passes.
      aheadMs += 1_000;
      made.wake();
      return dead || (await poison())?.givenUpAt !== undefined;
    });
    if (dead) starts++;
    workers.length = 0;
  }
  expect(starts).toBe(8);
  expect(await poison()).toMatchObject({ lastError: 'the process crashed during this run' });
  // Another schedule is not held up by it.
  expect(await runs()).toHaveLength(1);
  const { made } = worker([{ ...dies, run: note('poison') }, hourly()]);
  aheadMs += 3 * HOUR_MS;
  made.wake();
  await eventually(async () => (await runs()).length === 2);
  expect(await retrySchedule(store, 'poison')).toBe(true);
  made.wake();
  await eventually(async () => (await runs()).some(({ who }) => who === 'poison'));
  expect((await poison())?.givenUpAt).toBeUndefined();
  expect(await retrySchedule(store, 'poison')).toBe(false);
});

test('a schedule with a changed timing starts again, and one of another version is left alone', async () => {
  await worker([hourly(), { ...hourly(note('old')), name: 'gone' }])
    .made.stop()
    .then(known);
  aheadMs = HOUR_MS / 2;
  const { made } = worker([{ ...hourly(), timing: compileTiming({ every: '2h' }) }]);
  await eventually(async () => (await listSchedules(store)).some(({ timing }) => timing === 'every 2h'));
  aheadMs = 1.5 * HOUR_MS;
  made.wake();
  await staysTrueFor(50, async () => (await runs()).length === 0);
  aheadMs = 2.6 * HOUR_MS;
  made.wake();
  await eventually(async () => (await runs()).length === 1);
  expect((await runs()).map(({ who }) => who)).toEqual(['one']);
});

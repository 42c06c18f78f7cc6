import { expect } from 'vitest';
import { RametError } from '../errors/index.ts';
import type { Case } from '../platform/cases.conformance.ts';
import type { OnStore, StoreFixture } from './fixture.conformance.ts';
import { type DueHandler, DueWorker, listGivenUp, retryGivenUp, STARTS_MAX, type Store, schedule, type Tx } from './index.ts';

interface Failed {
  readonly error: unknown;
  readonly attempt: number | undefined;
}

function worker({ platform, defer }: StoreFixture, store: Store, handler: DueHandler): { due: DueWorker; failed: Failed[] } {
  const failed: Failed[] = [];
  const due = new DueWorker({
    store,
    platform,
    handlers: new Map([['note', handler]]),
    onError: (error, work) => failed.push({ error, attempt: work?.attempt }),
  });
  defer(() => due.stop());
  return { due, failed };
}

const later = (tx: Tx, id: string, afterMs = 0, payload?: unknown) => schedule(tx, { id, kind: 'note', afterMs, payload });
const inLane = (tx: Tx, lane: string, id: string) => schedule(tx, { id, kind: 'note', lane, afterMs: 0, payload: null });
const forEver = () => new Promise<void>(() => {});

/**
 * A process that ends at each start of some work, and is started again until it stays alive.
 * @param kills whether this work ends the process
 * @returns how often the process ended
 */
async function crashLoop(
  fixture: StoreFixture,
  kills: (id: string) => boolean,
  done: string[],
  givenUp: string[],
  over: () => Promise<boolean>,
): Promise<number> {
  const { store, platform } = fixture;
  for (let ended = 0; ; ended++) {
    let alive = true;
    let died = () => {};
    const death = new Promise<'dead'>((resolve) => {
      died = () => {
        alive = false;
        resolve('dead');
      };
    });
    // Work of an ended process writes nothing any more.
    const own: Store = { ...store, write: (work, options) => (alive ? store.write(work, options) : forEver()) } as Store;
    const due = new DueWorker({
      store: own,
      platform: { ...platform, timers: { ...platform.timers, set: (ms, fire) => platform.timers.set(ms / 20, () => alive && fire()) } },
      handlers: new Map([
        [
          'note',
          async (_, { id }) => {
            if (kills(id)) died();
            await platform.timers.sleep(2);
            if (!alive) await forEver();
            done.push(id);
          },
        ],
      ]),
      onError: () => {},
      onGivenUp: ({ id }) => givenUp.push(id),
    });
    due.start();
    const look = async (): Promise<'over'> => {
      while (alive && !(await over())) {
        // The clock of a database cannot be moved: waiting work is made due.
        await store.write((tx) => tx.run('update ramet_timers set due_at = ramet_now() where given_up_at is null and lease_until = 0'));
        due.wake();
        await platform.timers.sleep(5);
      }
      return 'over';
    };
    if ((await Promise.race([death, look()])) === 'over' && alive) {
      await due.stop();
      return ended;
    }
    alive = false;
    // Where stores are shared, the lease of an ended process expires.
    await store.write((tx) => tx.run('update ramet_timers set lease_until = 1 where lease_until > 0'));
  }
}

async function until({ platform }: StoreFixture, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMono = platform.clock.monoNow() + 10_000;
  while (!(await condition())) {
    if (platform.clock.monoNow() > deadlineMono) throw new Error('it did not happen within 10 s');
    await platform.timers.sleep(2);
  }
}
const left = async (store: Store): Promise<number> => (await store.reader.all('select id from ramet_timers')).length;

/** Cases about work that is due at a moment. */
export function dueCases(it: Case, onStore: OnStore): void {
  it(
    'does due work in the order in which it is due, once, with its payload',
    onStore(async (fixture) => {
      const { store, platform } = fixture;
      const done: unknown[] = [];
      const startedMono = platform.clock.monoNow();
      let lateMs = 0;
      const { due, failed } = worker(fixture, store, async (payload, { id }) => {
        done.push([id, payload]);
        if (id === 'd') lateMs = platform.clock.monoNow() - startedMono;
      });
      await store.write(async (tx) => {
        await later(tx, 'd', 120, null);
        await later(tx, 'c', 40);
        await later(tx, 'a', 0, { text: 'ü' });
        await later(tx, 'b', 20, [1]);
      });
      due.start();
      await until(fixture, async () => (await left(store)) === 0);
      await due.stop();
      expect(done).toEqual([
        ['a', { text: 'ü' }],
        ['b', [1]],
        ['c', null],
        ['d', null],
      ]);
      expect(lateMs).toBeGreaterThan(100);
      expect(failed).toEqual([]);
    }),
  );

  it(
    'schedules one id once, and only with its transaction',
    onStore(async (fixture) => {
      const { store } = fixture;
      const done: unknown[] = [];
      const { due } = worker(fixture, store, async (payload) => void done.push(payload));
      await store.write((tx) => later(tx, 'a', 0, 1));
      await store.write((tx) => later(tx, 'a', 0, 2));
      const rolledBack = store.write(async (tx) => {
        await later(tx, 'b');
        throw new Error('rolled back');
      });
      await expect(rolledBack).rejects.toThrow('rolled back');
      due.start();
      await until(fixture, async () => (await left(store)) === 0);
      await due.stop();
      expect(done).toEqual([1]);
    }),
  );

  it(
    'repeats failed work with growing pauses, and reports each failure',
    onStore(async (fixture) => {
      const { store, platform } = fixture;
      const startsMono: number[] = [];
      const { due, failed } = worker(fixture, store, async (_, { attempt }) => {
        startsMono.push(platform.clock.monoNow());
        if (attempt < 3) throw new Error(`attempt ${attempt}`);
      });
      await store.write((tx) => later(tx, 'a'));
      due.start();
      await until(fixture, async () => (await left(store)) === 0);
      await due.stop();
      expect(failed.map(({ error, attempt }) => [(error as Error).message, attempt])).toEqual([
        ['attempt 1', 1],
        ['attempt 2', 2],
      ]);
      const pausesMs = startsMono.slice(1).map((start, i) => start - (startsMono[i] as number));
      expect(pausesMs[0]).toBeGreaterThan(95);
      expect(pausesMs[1]).toBeGreaterThan(195);
    }),
  );

  it(
    'counts an attempt before it begins, and resumes the work that was under way when the process ended',
    onStore(async (fixture) => {
      const { store, open, capabilities } = fixture;
      await store.write((tx) => later(tx, 'a'));
      // Its handler never returns: the deferred end must not wait for it.
      const dying = worker({ ...fixture, defer: () => {} }, store, () => new Promise(() => {}));
      dying.due.start();
      await until(fixture, async () => (await store.reader.get('select id from ramet_timers where attempts = 1')) !== undefined);
      void dying.due.stop();
      let again = store;
      if (!capabilities.shared) {
        await store.close();
        again = await open();
      } else await store.write((tx) => tx.run('update ramet_timers set lease_until = 0'));
      const attempts: number[] = [];
      const { due } = worker(fixture, again, async (_, { attempt }) => void attempts.push(attempt));
      due.start();
      await until(fixture, async () => (await left(again)) === 0);
      await due.stop();
      expect(attempts).toEqual([2]);
    }),
  );

  it(
    'does not let slow work delay other work',
    onStore(async (fixture) => {
      const { store } = fixture;
      const done: string[] = [];
      let release: ((value: unknown) => void) | undefined;
      const { due } = worker(fixture, store, async (_, { id }) => {
        if (id === 'slow')
          await new Promise((resolve) => {
            release = resolve;
          });
        done.push(id);
      });
      await store.write((tx) => later(tx, 'slow'));
      due.start();
      await until(fixture, () => release !== undefined);
      await store.write((tx) => later(tx, 'quick', 10));
      due.wake();
      await until(fixture, () => done.includes('quick'));
      const stopping = due.stop().then(() => done.push('stopped'));
      release?.(undefined);
      await stopping;
      expect(done).toEqual(['quick', 'slow', 'stopped']);
    }),
  );

  it(
    'leaves the places of a lane free, however much work of another lane never ends',
    onStore(async (fixture) => {
      const { store } = fixture;
      const done: string[] = [];
      let stuck = 0;
      const { due } = worker({ ...fixture, defer: () => {} }, store, async (_, { id }) => {
        if (id.startsWith('stuck')) {
          stuck++;
          await forEver();
        }
        done.push(id);
      });
      await store.write(async (tx) => {
        for (let i = 0; i < 200; i++) await inLane(tx, 'stuck', `stuck${i}`);
      });
      due.start();
      await until(fixture, () => stuck === 32);
      await store.write(async (tx) => {
        for (const lane of ['another', 'third']) await inLane(tx, lane, lane);
      });
      due.wake();
      await until(fixture, () => done.length === 2);
      expect(done.toSorted()).toEqual(['another', 'third']);
      expect(stuck).toBe(32);
      void due.stop();
    }),
  );

  it(
    'gives up work that ends the process at each start, does the work beside it, and repeats it when an operator retries it',
    onStore(async (fixture) => {
      const { store } = fixture;
      const done: string[] = [];
      const givenUp: string[] = [];
      await store.write(async (tx) => {
        for (const id of ['a', 'b', 'poison', 'c', 'd']) await later(tx, id);
      });
      let poisonous = true;
      const kills = (id: string) => poisonous && id === 'poison';
      const only = async (count: number) => (await left(store)) === count && (count === 0 || (await listGivenUp(store)).length === 1);
      expect(await crashLoop(fixture, kills, done, givenUp, () => only(1))).toBe(STARTS_MAX);
      expect(givenUp).toEqual(['poison']);
      expect(new Set(done)).toEqual(new Set(['a', 'b', 'c', 'd']));
      expect(await listGivenUp(store)).toMatchObject([{ id: 'poison', lane: 'note', attempts: STARTS_MAX }]);
      poisonous = false;
      expect(await retryGivenUp(store, 'poison')).toBe(true);
      expect(await retryGivenUp(store, 'poison')).toBe(false);
      await crashLoop(fixture, kills, done, givenUp, () => only(0));
      expect(done.filter((id) => id === 'poison')).toHaveLength(1);
    }),
  );

  it(
    'does not count a failure that could not be recorded as an end of the process',
    onStore(async (fixture) => {
      const { store, platform } = fixture;
      let away = false;
      const flaky: Store = {
        ...store,
        write: (work, options) => (away ? Promise.reject(new RametError('StoreUnavailable')) : store.write(work, options)),
      };
      let starts = 0;
      const { due } = worker(fixture, flaky, async () => {
        starts++;
        away = starts < 3;
        if (away) throw new Error('no');
      });
      await store.write((tx) => later(tx, 'a'));
      due.start();
      for (let i = 1; i < 3; i++) {
        await until(fixture, () => starts === i);
        const row = await store.reader.get<{ crashes: number }>('select crashes from ramet_timers');
        expect(Number(row?.crashes)).toBe(0);
        await platform.timers.sleep(20);
        away = false;
        await store.write((tx) => tx.run('update ramet_timers set lease_until = 1, due_at = ramet_now() where lease_until > 0'));
        due.wake();
      }
      await until(fixture, async () => (await left(store)) === 0);
      expect(starts).toBe(3);
    }),
  );

  it(
    'waits while the store is unavailable, instead of trying it without pause',
    onStore(async (fixture) => {
      const { store, platform } = fixture;
      let away = false;
      const flaky: Store = {
        ...store,
        write: (work, options) => (away ? Promise.reject(new RametError('StoreUnavailable')) : store.write(work, options)),
      };
      const done: string[] = [];
      const { due, failed } = worker(fixture, flaky, async (_, { id }) => void done.push(id));
      await store.write((tx) => later(tx, 'a'));
      away = true;
      due.start();
      await until(fixture, () => failed.length > 0);
      await platform.timers.sleep(150);
      away = false;
      await until(fixture, () => done.length > 0);
      await due.stop();
      expect(failed.length).toBeLessThan(5);
    }),
  );

  it(
    'leaves work to the process that has begun it since, when an abandoned attempt fails',
    onStore(async (fixture) => {
      const { store } = fixture;
      const shared: Store = { ...store, capabilities: { ...store.capabilities, shared: true } };
      let fail: ((error: Error) => void) | undefined;
      let end: (() => void) | undefined;
      const slow = worker(
        fixture,
        shared,
        () =>
          new Promise((_, reject) => {
            fail = reject;
          }),
      );
      await store.write((tx) => later(tx, 'a'));
      slow.due.start();
      await until(fixture, () => fail !== undefined);
      await store.write((tx) => tx.run('update ramet_timers set lease_until = 0'));
      const quick = worker(
        fixture,
        shared,
        () =>
          new Promise((resolve) => {
            end = () => resolve();
          }),
      );
      quick.due.start();
      await until(fixture, () => end !== undefined);
      fail?.(new Error('too late'));
      await until(fixture, () => slow.failed.length > 0);
      await slow.due.stop();
      const row = await store.reader.get<{ left: number; attempts: number }>(
        'select lease_until - ramet_now() as left, attempts from ramet_timers',
      );
      expect(Number(row?.attempts)).toBe(2);
      expect(Number(row?.left)).toBeGreaterThan(0);
      end?.();
      await until(fixture, async () => (await left(store)) === 0);
    }),
  );
}

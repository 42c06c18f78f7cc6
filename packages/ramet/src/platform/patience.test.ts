import { expect, test } from 'vitest';
import { Patience, type Wait } from './patience.ts';
import { realPlatform } from './real.ts';

/** A platform whose time passes as fast as it is waited for. */
function quick() {
  const real = realPlatform();
  let nowMono = 0;
  const due: { atMono: number; fire: () => void }[] = [];
  const pass = (toMono: number) => {
    for (;;) {
      due.sort((a, b) => a.atMono - b.atMono);
      const next = due[0];
      if (!next || next.atMono > toMono) break;
      due.shift();
      nowMono = next.atMono;
      next.fire();
    }
    nowMono = toMono;
  };
  const platform = {
    ...real,
    clock: { ...real.clock, monoNow: () => nowMono },
    timers: {
      ...real.timers,
      set(delayMs: number, fire: () => void) {
        const timer = { atMono: nowMono + delayMs, fire };
        due.push(timer);
        return { cancel: () => void due.splice(due.indexOf(timer) >>> 0, 1) };
      },
      async sleep(delayMs: number) {
        await undefined;
        pass(nowMono + delayMs);
      },
    },
  };
  return { platform, pending: () => due.length };
}

function patient(forMs: number) {
  const { platform, pending } = quick();
  const told: string[][] = [];
  let over = 0;
  const patience = new Patience(platform, {
    forMs,
    passes: (error) => (error as Error).message === 'away',
    onWait: (waits: readonly Wait[]) => told.push(waits.map(({ what, error }) => `${what}: ${(error as Error | undefined)?.message}`)),
    onOver: () => over++,
  });
  return { patience, told, platform, pending, over: () => over };
}

test('repeats work whose failures pass, reports the wait after 2 s and every 10 s, and reports its end', async () => {
  const { patience, told, platform, pending, over } = patient(60_000);
  const answered = await patience.until('a store', async () => {
    if (platform.clock.monoNow() < 25_000) throw new Error('away');
    return 'there';
  });
  expect(answered).toBe('there');
  expect(told).toEqual([['a store: away'], ['a store: away'], ['a store: away']]);
  expect([over(), pending()]).toEqual([1, 0]);
});

test('throws a mistake at once, without a report', async () => {
  const { patience, told, over, pending } = patient(60_000);
  let attempts = 0;
  const mistaken = patience.until('a store', async () => {
    attempts++;
    throw new Error('wrong password');
  });
  await expect(mistaken).rejects.toThrow('wrong password');
  expect([attempts, told.length, over(), pending()]).toEqual([1, 0, 0, 0]);
});

test('has one time limit for everything that it waits for', async () => {
  const { patience, platform } = patient(5_000);
  const away = async () => {
    throw new Error('away');
  };
  await expect(patience.until('a store', away)).rejects.toThrow('away');
  expect(platform.clock.monoNow()).toBe(5_000);
  let attempts = 0;
  const another = patience.until('another', () => {
    attempts++;
    return away();
  });
  await expect(another).rejects.toThrow('away');
  expect(attempts).toBe(1);
});

test('reports work that takes long, without a time limit and without a repetition', async () => {
  const { patience, told, platform } = patient(1_000);
  let attempts = 0;
  const took = await patience.once('a migration', async () => {
    attempts++;
    await platform.timers.sleep(30_000);
    return 'done';
  });
  expect([took, attempts]).toEqual(['done', 1]);
  expect(told).toEqual([['a migration: undefined'], ['a migration: undefined'], ['a migration: undefined']]);
});

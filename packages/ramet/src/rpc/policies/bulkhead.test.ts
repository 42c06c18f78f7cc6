import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { contract, query } from '../../contract/index.ts';
import type { Waiting } from '../../load/index.ts';
import { realPlatform } from '../../platform/index.ts';
import { ANONYMOUS } from '../../security/index.ts';
import { compileUses, type Reply, type TransportRoutes, use } from '../index.ts';
import { Bulkhead } from './bulkhead.ts';

class Waiter implements Waiting {
  readonly id: number;
  readonly deadlineMono: number;
  readonly #log: string[];
  readonly #wants: boolean;

  constructor(id: number, deadlineMono: number, log: string[], wants = true) {
    this.id = id;
    this.deadlineMono = deadlineMono;
    this.#log = log;
    this.#wants = wants;
  }

  admit(): boolean {
    this.#log.push(`${this.#wants ? 'in' : 'declines'} ${this.id}`);
    return this.#wants;
  }

  expire(): void {
    this.#log.push(`expired ${this.id}`);
  }
}

describe('a bulkhead', () => {
  test('takes a place at once, or says that there is none', () => {
    const bulkhead = new Bulkhead(2);
    expect([bulkhead.tryEnter(), bulkhead.tryEnter(), bulkhead.tryEnter()]).toEqual([true, true, false]);
    bulkhead.leave(0);
    expect([bulkhead.tryEnter(), bulkhead.busy]).toEqual([true, 2]);
  });

  test('serves a burst in its order, and under overload the last first', () => {
    for (const [afterMs, order] of [
      [50, ['in 1', 'in 2', 'in 3']],
      [101, ['in 3', 'in 2', 'in 1']],
    ] as const) {
      const log: string[] = [];
      const bulkhead = new Bulkhead(3);
      for (let i = 0; i < 3; i++) bulkhead.tryEnter();
      for (const id of [1, 2, 3]) expect(bulkhead.wait(new Waiter(id, 1_000, log), 0)).toBe(true);
      for (let i = 0; i < 3; i++) bulkhead.leave(afterMs);
      expect(log).toEqual(order);
    }
  });

  test('serves no call that is too late, and takes a new one instead', () => {
    const log: string[] = [];
    const bulkhead = new Bulkhead(1);
    bulkhead.tryEnter();
    bulkhead.wait(new Waiter(1, 10, log), 0);
    expect(bulkhead.wait(new Waiter(2, 90, log), 9)).toBe(false);
    expect(bulkhead.wait(new Waiter(3, 20, log), 11)).toBe(true);
    expect(log).toEqual(['expired 1']);
    bulkhead.leave(30);
    expect(log).toEqual(['expired 1', 'expired 3']);
    expect([bulkhead.busy, bulkhead.waiting]).toEqual([0, 0]);
  });

  test('gives the place of one that does not want it to the next, however many these are', () => {
    const log: string[] = [];
    const bulkhead = new Bulkhead(20_000);
    for (let i = 0; i < 20_000; i++) bulkhead.tryEnter();
    for (let id = 0; id < 20_000; id++) bulkhead.wait(new Waiter(id, 1_000, log, id === 19_999), 0);
    bulkhead.leave(1);
    expect([log.length, log.at(-1), bulkhead.busy, bulkhead.waiting]).toEqual([20_000, 'in 19999', 20_000, 0]);
  });

  test('never admits or queues more than its limit, and forgets no call', () => {
    const step = fc.record({
      do: fc.constantFrom<'enter' | 'leave' | 'give up' | 'wait'>('enter', 'enter', 'enter', 'leave', 'leave', 'give up', 'wait'),
      which: fc.nat(99),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 80 }), (limit, steps) => {
        const bulkhead = new Bulkhead(limit);
        const log: string[] = [];
        const all: Waiter[] = [];
        let [now, inside, admitted, gone, left] = [0, 0, 0, 0, 0];
        for (const { do: what, which } of steps) {
          if (what === 'wait') now += which;
          else if (what === 'leave' && inside > left) {
            left++;
            bulkhead.leave(now);
          } else if (what === 'give up' && all.length > 0) {
            if (bulkhead.giveUp(all[which % all.length] as Waiter)) gone++;
          } else if (what === 'enter' && bulkhead.tryEnter()) inside++;
          else if (what === 'enter') {
            const waiter = new Waiter(all.length, now + which, log);
            if (bulkhead.wait(waiter, now)) all.push(waiter);
          }
          const came = log.filter((line) => line.startsWith('in ')).length;
          inside += came;
          admitted += came;
          gone += log.splice(0).filter((line) => line.startsWith('expired ')).length;
          expect(bulkhead.busy).toBe(inside - left);
          expect(bulkhead.busy).toBeLessThanOrEqual(limit);
          expect(bulkhead.waiting).toBeLessThanOrEqual(limit);
          // A call waits only because all places are taken.
          if (bulkhead.waiting > 0) expect(bulkhead.busy).toBe(limit);
        }
        expect(admitted + gone + bulkhead.waiting).toBe(all.length);
      }),
      { numRuns: 500 },
    );
  });
});

test('a shop whose payments are slow still has its catalogue and its notifications: 10, 20 and 5 places', async () => {
  const ask = query({ input: z.object({}), output: z.string() });
  const services = {
    payments: contract('payments', { queries: { ask } }),
    catalog: contract('catalog', { queries: { ask } }),
    notifications: contract('notifications', { queries: { ask } }),
  };
  const underWay: Record<string, number> = { payments: 0, catalog: 0, notifications: 0 };
  const most: Record<string, number> = { ...underWay };
  const waiting: ((reply: Reply) => void)[] = [];
  const transport: TransportRoutes = {
    call({ service }) {
      underWay[service] = (underWay[service] ?? 0) + 1;
      most[service] = Math.max(most[service] ?? 0, underWay[service]);
      return new Promise<Reply>((resolve) => {
        if (service === 'payments') waiting.push(resolve);
        else setTimeout(() => resolve({ ok: true, value: service }), 1);
      }).finally(() => {
        underWay[service] = (underWay[service] ?? 0) - 1;
      });
    },
    stream: () => {
      throw new Error('not expected');
    },
  };
  const { uses } = compileUses(realPlatform(), transport, 'shop', {
    payments: use(services.payments, { bulkhead: 10, retries: 0 }),
    catalog: use(services.catalog, { bulkhead: 20, retries: 0 }),
    notifications: use(services.notifications, { bulkhead: 5, retries: 0 }),
  });
  const use_ = uses.all({
    meta: { caller: ANONYMOUS, trace: { correlationId: 'c', traceparent: 't' }, depth: 0 },
    remainingMs: () => Number.POSITIVE_INFINITY,
    signal: undefined,
  }) as Record<string, { ask(input: object): Promise<string> }>;
  const many = (name: string, count: number) => Promise.allSettled(Array.from({ length: count }, () => use_[name]?.ask({})));
  const slow = many('payments', 50);
  const refused = (outcomes: PromiseSettledResult<unknown>[]) => outcomes.filter(({ status }) => status === 'rejected').length;
  // Forty and ten are what each takes at once: as many again as it has places may wait.
  expect(refused(await many('catalog', 40))).toBe(0);
  expect(refused(await many('notifications', 10))).toBe(0);
  expect(refused(await many('notifications', 15))).toBe(5);
  expect(most).toEqual({ payments: 10, catalog: 20, notifications: 5 });
  while (underWay['payments'] !== 0 || waiting.length > 0) {
    for (const resolve of waiting.splice(0)) resolve({ ok: true, value: 'paid' });
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  expect(refused(await slow)).toBe(30);
});

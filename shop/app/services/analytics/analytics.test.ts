import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embedded } from 'ramet/bus/embedded';
import { type Runtime, start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import shop from '../../topology.ts';
import { enterPaid, enterRefunded } from './ledger.ts';
import analytics from './service.ts';

let folder: string;
let runtime: Runtime;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ramet-analytics-'));
  runtime = await start(topology({ services: shop.services, profiles: { monolith: { store: sqlite(folder), bus: embedded() } } }), {
    logLevel: 'silent',
  });
});
afterAll(async () => {
  await runtime?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** In a transaction of the service, as one of its handlers. @returns the events it published */
async function inTransaction(work: (context: any) => Promise<unknown>): Promise<unknown[]> {
  const told: unknown[] = [];
  await runtime.services.get('analytics')?.store.write(async (tx) => {
    told.length = 0;
    await work({ db: tx.db, emit: { DayReported: (data: unknown) => told.push(data) } });
  });
  return told;
}
const enter = (how: typeof enterPaid, id: string, orderId: string, amount: number) =>
  inTransaction((context) => how({ ...context, event: { id } }, orderId, amount));
const rows = (sql: string) => runtime.services.get('analytics')?.store.reader.all(sql);

test('the ledger enters what was paid and given back, and refuses to give back more', async () => {
  await enter(enterPaid, 'e1', 'o1', 500);
  await enter(enterRefunded, 'e2', 'o1', 200);
  await expect(enter(enterRefunded, 'e3', 'o1', 301)).rejects.toThrow("301 cents were given back for 'o1', of which 300 are left");
  await expect(enter(enterRefunded, 'e4', 'o2', 1)).rejects.toThrow('of which 0 are left');
  await enter(enterRefunded, 'e5', 'o1', 300);
  expect(await rows('select order_id, sum(amount) as left, count(*) as entries from ledger group by order_id')).toEqual([
    { order_id: 'o1', left: 0, entries: 3 },
  ]);
});

test('the night reports every day that is over, once', async () => {
  const [schedule] = analytics.schedules;
  const night = (due: string) =>
    inTransaction((context) => Promise.resolve(schedule?.run({ ...context, schedule: { due: new Date(due) } })));
  await inTransaction(({ db }) =>
    db
      .insertInto('days')
      .values(
        ['2026-03-01', '2026-03-02', '2026-03-03'].map((day) => ({
          day,
          placed: 3,
          confirmed: 2,
          cancelled: 1,
          captured: 900,
          refunded: 400,
        })),
      )
      .execute(),
  );
  const report = { placed: 3, confirmed: 2, cancelled: 1, revenue: 500 };
  expect(await night('2026-03-03T03:00:00Z')).toEqual([
    { day: '2026-03-01', ...report },
    { day: '2026-03-02', ...report },
  ]);
  expect(await night('2026-03-03T03:00:00Z')).toEqual([]);
  expect(await night('2026-03-06T03:00:00Z')).toEqual([{ day: '2026-03-03', ...report }]);
});

test('money stops at what cannot be right, counting does not', () => {
  const policies = new Map((runtime.services.get('analytics')?.consumers ?? []).map(({ group, poison }) => [group, poison]));
  expect(Object.fromEntries(policies)).toEqual({ analytics: 'skip', 'analytics.ledger': 'halt' });
});

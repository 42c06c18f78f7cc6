import { service, sql, type WriteContext } from 'ramet';
import { Orders } from '../orders/contract.ts';
import { Payments } from '../payments/contract.ts';
import { Analytics } from './contract.ts';
import { enterPaid, enterRefunded, LEDGER, type LedgerTables } from './ledger.ts';

interface Counts {
  placed: number;
  confirmed: number;
  cancelled: number;
  captured: number;
  refunded: number;
}
interface Tables extends LedgerTables {
  days: Counts & { day: string };
  reports: { day: string };
  effects: { event_id: string; type: string; times: number };
}
type Context = WriteContext<typeof Analytics, Tables> & { readonly event: { id: string; type: string; timestamp: string } };

/** Counts need no order: one event that cannot be counted holds nothing up. */
const COUNTED = { poison: 'skip' } as const;

export default service(Analytics, { store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }) }).implement({
  queries: {
    async summary(_, { db }) {
      const sums = await db
        .selectFrom('days')
        .select(({ fn }) => [
          fn.sum('placed').as('placed'),
          fn.sum('confirmed').as('confirmed'),
          fn.sum('cancelled').as('cancelled'),
          fn.sum('captured').as('captured'),
          fn.sum('refunded').as('refunded'),
        ])
        .executeTakeFirstOrThrow();
      // A sum over no days is null, and some databases give large ones as text.
      const number = (sum: unknown) => Number(sum ?? 0);
      return {
        placed: number(sums.placed),
        confirmed: number(sums.confirmed),
        cancelled: number(sums.cancelled),
        revenue: number(sums.captured) - number(sums.refunded),
      };
    },
  },
  reactions: (on) => [
    on(Orders.events.OrderPlaced, (_, ctx) => count(ctx, { placed: 1 }), COUNTED),
    on(Orders.events.OrderConfirmed, (_, ctx) => count(ctx, { confirmed: 1 }), COUNTED),
    on(Orders.events.OrderCancelled, (_, ctx) => count(ctx, { cancelled: 1 }), COUNTED),
    on(Payments.events.PaymentCaptured, ({ amount }, ctx) => count(ctx, { captured: amount }), COUNTED),
    on(Payments.events.PaymentRefunded, ({ amount }, ctx) => count(ctx, { refunded: amount }), COUNTED),
    on(Payments.events.PartRefunded, ({ amount }, ctx) => count(ctx, { refunded: amount }), COUNTED),

    on(Payments.events.PaymentCaptured, ({ orderId, amount }, ctx) => enterPaid(ctx, orderId, amount), LEDGER),
    on(Payments.events.PaymentRefunded, ({ orderId, amount }, ctx) => enterRefunded(ctx, orderId, amount), LEDGER),
    on(Payments.events.PartRefunded, ({ orderId, amount }, ctx) => enterRefunded(ctx, orderId, amount), LEDGER),
  ],
  schedules: (_, cron) => [cron('0 3 * * *', 'daily report', report, { timezone: 'UTC' })],
});

/** Reports every day that is over and was not reported so far, so that no day is missing after a night without a run. */
async function report({
  db,
  emit,
  schedule,
}: WriteContext<typeof Analytics, Tables> & { readonly schedule: { due: Date } }): Promise<void> {
  const days = await db
    .selectFrom('days')
    .selectAll()
    .where('day', '<', schedule.due.toISOString().slice(0, 10))
    .where('day', 'not in', (eb) => eb.selectFrom('reports').select('day'))
    .orderBy('day')
    .execute();
  for (const { day, placed, confirmed, cancelled, captured, refunded } of days) {
    await db.insertInto('reports').values({ day }).execute();
    emit.DayReported({ day, placed, confirmed, cancelled, revenue: captured - refunded });
  }
}

/** Counts an event into its day, and counts that it did. */
async function count({ db, event }: Context, counts: Partial<Counts>): Promise<void> {
  await db
    .insertInto('days')
    .values({ day: event.timestamp.slice(0, 10), placed: 0, confirmed: 0, cancelled: 0, captured: 0, refunded: 0, ...counts })
    .onConflict((conflict) =>
      conflict.column('day').doUpdateSet((eb) => ({
        placed: eb('days.placed', '+', eb.ref('excluded.placed')),
        confirmed: eb('days.confirmed', '+', eb.ref('excluded.confirmed')),
        cancelled: eb('days.cancelled', '+', eb.ref('excluded.cancelled')),
        captured: eb('days.captured', '+', eb.ref('excluded.captured')),
        refunded: eb('days.refunded', '+', eb.ref('excluded.refunded')),
      })),
    )
    .execute();
  await db
    .insertInto('effects')
    .values({ event_id: event.id, type: event.type, times: 1 })
    .onConflict((conflict) => conflict.column('event_id').doUpdateSet((eb) => ({ times: eb('effects.times', '+', 1) })))
    .execute();
}

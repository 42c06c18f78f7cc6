import type { ReactionOptions, WriteContext } from 'ramet';
import type { Analytics } from './contract.ts';

export interface LedgerTables {
  ledger: { event_id: string; order_id: string; amount: number };
}
type Context = WriteContext<typeof Analytics, LedgerTables> & { readonly event: { id: string } };

/** About five minutes: over Kafka a refund may be heard of before its payment, for as long as a broker takes to come back. */
const PATIENCE = 36;

/**
 * The money in its own order: an entry that cannot be right stops the ledger until a person has looked, because what is
 * entered behind a wrong one is wrong as well. Plain counters continue meanwhile.
 */
export const LEDGER = { subscription: 'ledger', poison: 'halt', attempts: PATIENCE } as const satisfies ReactionOptions;

export async function enterPaid({ db, event }: Context, orderId: string, amount: number): Promise<void> {
  await db.insertInto('ledger').values({ event_id: event.id, order_id: orderId, amount }).execute();
}

/** Enters what was given back. @throws Error when that is more than was paid: its payment may come later, or never */
export async function enterRefunded({ db, event }: Context, orderId: string, amount: number): Promise<void> {
  // Of two refunds of one order each sees the other: the sum is read when the entries of the order are ours alone.
  await db.selectFrom('ledger').select('event_id').where('order_id', '=', orderId).forUpdate().execute();
  const { left } = await db
    .selectFrom('ledger')
    .select(({ fn }) => fn.sum('amount').as('left'))
    .where('order_id', '=', orderId)
    .executeTakeFirstOrThrow();
  if (Number(left ?? 0) < amount)
    throw new Error(`${amount} cents were given back for '${orderId}', of which ${Number(left ?? 0)} are left`);
  await db.insertInto('ledger').values({ event_id: event.id, order_id: orderId, amount: -amount }).execute();
}

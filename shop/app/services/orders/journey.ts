import type { WriteContext } from 'ramet';
import type { Orders } from './contract.ts';
import { CANCELLED_BY_CUSTOMER, HISTORY, missingBeforeConfirmed } from './domain.ts';

export type Status = 'pending' | 'confirmed' | 'cancelled';

export interface Tables {
  orders: {
    order_id: string;
    customer_id: string;
    status: Status;
    reason: string | null;
    total: number;
    lines: string;
    placed_at: string;
    cancel_requested: number;
    entries: number;
  };
  order_history: { order_id: string; seq: number; at: string; status: Status; what: string };
  order_returns: { return_id: string; order_id: string; lines: string; status: 'approved' | 'withdrawn' };
}
type Context = WriteContext<typeof Orders, Tables>;

/*
 * The journey of an order: every change of it is an entry of its history and an event under its id, so that a watching query
 * is woken. It ends with the order: later facts (an event may be slower than the saga) change nothing.
 */

/** Adds an entry and publishes it; does nothing when the order has ended. */
export async function progress(ctx: Context, orderId: string, what: string, change: { cancel_requested?: 1 } = {}): Promise<void> {
  const at = ctx.now().toISOString();
  if (await enter(ctx, orderId, { what, at }, change)) ctx.emit.OrderProgressed({ orderId, what, at });
}

export async function confirm(ctx: Context, orderId: string): Promise<void> {
  await hold(ctx, orderId);
  const history = await ctx.db.selectFrom('order_history').select('what').where('order_id', '=', orderId).execute();
  for (const what of missingBeforeConfirmed(history.map((entry) => entry.what))) await progress(ctx, orderId, what);
  const order = await enter(ctx, orderId, { what: HISTORY.confirmed, at: ctx.now().toISOString() }, { status: 'confirmed' });
  if (order) ctx.emit.OrderConfirmed({ orderId, customerId: order.customer_id, lines: JSON.parse(order.lines), total: order.total });
}

export async function cancel(ctx: Context, orderId: string, reason: string): Promise<void> {
  const what = reason === CANCELLED_BY_CUSTOMER ? reason : `cancelled: ${reason}`;
  const order = await enter(ctx, orderId, { what, at: ctx.now().toISOString() }, { status: 'cancelled', reason });
  if (order) ctx.emit.OrderCancelled({ orderId, customerId: order.customer_id, reason, total: order.total });
}

/** Keeps others from the order until the transaction ends: what is read of its history from here on stays all of it. */
async function hold({ db }: Context, orderId: string): Promise<void> {
  await db
    .updateTable('orders')
    .set((eb) => ({ entries: eb.ref('entries') }))
    .where('order_id', '=', orderId)
    .execute();
}

/** Counting the entry locks the order's row, so that entries of one order never get the same number. @returns undefined when it has ended */
async function enter(
  { db }: Context,
  orderId: string,
  { what, at }: { what: string; at: string },
  change: Partial<Pick<Tables['orders'], 'status' | 'reason' | 'cancel_requested'>>,
): Promise<{ customer_id: string; lines: string; total: number } | undefined> {
  const order = await db
    .updateTable('orders')
    .set((eb) => ({ ...change, entries: eb('entries', '+', 1) }))
    .where('order_id', '=', orderId)
    .where('status', '=', 'pending')
    .returning(['entries', 'status', 'customer_id', 'lines', 'total'])
    .executeTakeFirst();
  if (!order) return undefined;
  await db.insertInto('order_history').values({ order_id: orderId, seq: order.entries, at, status: order.status, what }).execute();
  return order;
}

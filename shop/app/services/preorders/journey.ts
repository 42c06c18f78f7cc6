import type { WriteContext } from 'ramet';
import type { Preorders } from './contract.ts';
import { entriesOf, type Fact, type Status } from './domain.ts';

export interface Tables {
  preorders: {
    preorder_id: string;
    customer_id: string;
    status: Status;
    reason: string | null;
    sku: string;
    name: string;
    price: number;
    quantity: number;
    placed_at: string;
    entries: number;
  };
  preorder_history: { preorder_id: string; seq: number; at: string; status: Status; what: string };
}
type Context = WriteContext<typeof Preorders, Tables>;

/**
 * Takes in a fact about a pre-order. Of one that is not ours (payments also publishes about orders) there is no row, and
 * nothing happens.
 * @param reason of a cancellation, in a customer's words
 */
export async function learn(ctx: Context, preorderId: string, fact: Fact, reason?: string): Promise<void> {
  // Writing to the row locks it, so that two facts never pass each other unseen.
  const preorder = await ctx.db
    .updateTable('preorders')
    .set((eb) => ({ entries: eb.ref('entries') }))
    .where('preorder_id', '=', preorderId)
    .returning(['status', 'entries', 'customer_id', 'sku', 'name', 'price', 'quantity'])
    .executeTakeFirst();
  if (!preorder) return;
  const at = ctx.now().toISOString();
  const entries = entriesOf(preorder.status, fact, reason);
  const last = entries.at(-1);
  if (!last) return;
  await ctx.db
    .insertInto('preorder_history')
    .values(entries.map((entry, index) => ({ preorder_id: preorderId, seq: preorder.entries + index + 1, at, ...entry })))
    .execute();
  const over = last.status !== preorder.status && last.status === 'cancelled';
  await ctx.db
    .updateTable('preorders')
    .set({ status: last.status, entries: preorder.entries + entries.length, ...(over ? { reason: reason ?? null } : {}) })
    .where('preorder_id', '=', preorderId)
    .execute();
  for (const { what } of entries) ctx.emit.PreorderProgressed({ preorderId, what, at });
  const { customer_id: customerId, sku, name, price, quantity } = preorder;
  const sold = { preorderId, customerId, sku, name, quantity, total: price * quantity };
  if (over) ctx.emit.PreorderCancelled({ ...sold, reason: reason ?? '' });
  if (last.status === 'confirmed' && preorder.status !== 'confirmed') ctx.emit.PreorderConfirmed(sold);
}

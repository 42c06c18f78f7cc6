import { service, sql } from 'ramet';
import { Orders } from '../orders/contract.ts';
import { Payments } from '../payments/contract.ts';
import { Preorders } from '../preorders/contract.ts';
import { allocate, callOff, sell, wait } from './allocations.ts';
import { Inventory } from './contract.ts';
import { type Line, merged } from './domain.ts';
import { expectParcel, restock, sendBack, unpack } from './parcels.ts';
import { type Context, move, shift, type Tables } from './stock.ts';

export default service(Inventory, { store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }) }).implement({
  commands: {
    async receive({ items }, ctx) {
      for (const { sku, quantity } of merged(items)) {
        const stock = await ctx.db
          .insertInto('stock')
          .values({ sku, available: quantity, reserved: 0, sold: 0, revision: 1 })
          .onConflict((conflict) =>
            conflict.column('sku').doUpdateSet((eb) => ({
              available: eb('stock.available', '+', quantity),
              revision: eb('stock.revision', '+', 1),
            })),
          )
          .returning(['sku', 'available', 'revision'])
          .executeTakeFirstOrThrow();
        ctx.emit.StockChanged(stock);
        await allocate(ctx, sku);
      }
    },

    async reserve({ orderId, lines: asked }, ctx) {
      const lines = merged(asked);
      for (const line of lines) if (!(await move(ctx, line, 'available', 'reserved'))) throw ctx.fail.OutOfStock({ sku: line.sku });
      await ctx.db
        .insertInto('reservations')
        .values(lines.map((line) => ({ order_id: orderId, ...line, status: 'reserved' })))
        .execute();
      ctx.emit.StockReserved({ orderId, lines });
    },

    async release({ orderId }, ctx) {
      const lines = await settle(ctx, orderId, 'released');
      if (lines.length === 0) return;
      for (const line of lines) await shift(ctx, line, 'reserved', 'available');
      ctx.emit.StockReleased({ orderId, lines });
      for (const { sku } of lines) await allocate(ctx, sku);
    },

    unpack: ({ returnId }, ctx) => unpack(ctx, returnId),
  },

  queries: {
    async stock({ sku }, { db }) {
      const row = await db.selectFrom('stock').select(['available', 'reserved', 'sold']).where('sku', '=', sku).executeTakeFirst();
      const stock = row ?? { available: 0, reserved: 0, sold: 0 };
      return { ...stock, onHand: stock.available + stock.reserved };
    },
  },

  reactions: (on) => [
    on(Orders.events.OrderConfirmed, ({ orderId }, ctx) => sold(ctx, orderId)),
    // Pre-orders
    on(Preorders.events.PreorderPlaced, (preorder, ctx) => wait(ctx, preorder)),
    on(Preorders.events.PreorderCancelled, (preorder, ctx) => callOff(ctx, preorder)),
    on(Preorders.events.PreorderConfirmed, ({ preorderId }, ctx) => sell(ctx, preorderId)),
    // Returns: what comes back was sold before. A bus may deliver the return first, and the return implies the sale.
    on(Orders.events.ReturnApproved, async ({ orderId, returnId, lines, because }, ctx) => {
      await sold(ctx, orderId);
      await expectParcel(ctx, returnId, lines, because);
    }),
    on(Payments.events.PartRefunded, ({ returnId }, ctx) => restock(ctx, returnId)),
    on(Payments.events.RefundRefused, ({ returnId }, ctx) => sendBack(ctx, returnId)),
  ],
});

/** What was reserved for an order is its customer's. */
async function sold(ctx: Context, orderId: string): Promise<void> {
  for (const line of await settle(ctx, orderId, 'sold')) await shift(ctx, line, 'reserved', 'sold');
}

/** Ends what is still reserved for an order. @returns what that was */
async function settle(ctx: Context, orderId: string, status: 'released' | 'sold'): Promise<Line[]> {
  const lines = await ctx.db
    .updateTable('reservations')
    .set({ status })
    .where('order_id', '=', orderId)
    .where('status', '=', 'reserved')
    .returning(['sku', 'quantity'])
    .execute();
  return merged(lines);
}

import { service, sql, type WriteContext } from 'ramet';
import { Orders } from '../orders/contract.ts';
import { Inventory } from './contract.ts';
import { type Line, merged } from './domain.ts';

interface Tables {
  stock: { sku: string; available: number; reserved: number; sold: number; revision: number };
  reservations: { order_id: string; sku: string; quantity: number; status: 'reserved' | 'released' | 'sold' };
}
type Context = WriteContext<typeof Inventory, Tables>;

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
      for (const line of lines) await move(ctx, line, 'reserved', 'available');
      ctx.emit.StockReleased({ orderId, lines });
    },
  },

  queries: {
    async stock({ sku }, { db }) {
      const row = await db.selectFrom('stock').select(['available', 'reserved', 'sold']).where('sku', '=', sku).executeTakeFirst();
      const stock = row ?? { available: 0, reserved: 0, sold: 0 };
      return { ...stock, onHand: stock.available + stock.reserved };
    },
  },

  reactions: (on) => [
    on(Orders.events.OrderConfirmed, async ({ orderId }, ctx) => {
      for (const { sku, quantity } of await settle(ctx, orderId, 'sold')) {
        await ctx.db
          .updateTable('stock')
          .set((eb) => ({ reserved: eb('reserved', '-', quantity), sold: eb('sold', '+', quantity) }))
          .where('sku', '=', sku)
          .execute();
      }
    }),
  ],
});

/** Moves pieces between what is available and what is reserved, and tells. @returns false when there are not enough */
async function move(ctx: Context, { sku, quantity }: Line, from: 'available' | 'reserved', to: 'available' | 'reserved'): Promise<boolean> {
  const stock = await ctx.db
    .updateTable('stock')
    .set((eb) => ({ [from]: eb(from, '-', quantity), [to]: eb(to, '+', quantity), revision: eb('revision', '+', 1) }))
    .where('sku', '=', sku)
    .where(from, '>=', quantity)
    .returning(['sku', 'available', 'revision'])
    .executeTakeFirst();
  if (stock) ctx.emit.StockChanged(stock);
  return stock !== undefined;
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

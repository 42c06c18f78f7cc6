import { type Context, move, shift } from './stock.ts';

interface Wanted {
  readonly preorderId: string;
  readonly sku: string;
  readonly quantity: number;
}

/** Puts a pre-order at the end of those that wait. Nothing when it is known, or was called off before it was heard of. */
export async function wait(ctx: Context, { preorderId, sku, quantity }: Wanted): Promise<void> {
  await queue(ctx, sku);
  await ctx.db
    .insertInto('allocations')
    .values({ preorder_id: preorderId, sku, quantity, status: 'waiting' })
    .onConflict((conflict) => conflict.column('preorder_id').doNothing())
    .execute();
  await allocate(ctx, sku);
}

/**
 * Holds what there is for those who wait longest; called whenever there is more of something. The first one who cannot be
 * served ends it, so that no small wish passes a large one.
 */
export async function allocate(ctx: Context, sku: string): Promise<void> {
  await queue(ctx, sku);
  for (;;) {
    const first = await ctx.db
      .selectFrom('allocations')
      .select(['preorder_id as preorderId', 'quantity'])
      .where('sku', '=', sku)
      .where('status', '=', 'waiting')
      .orderBy('preorder_id')
      .limit(1)
      .executeTakeFirst();
    if (!first || !(await move(ctx, { sku, quantity: first.quantity }, 'available', 'reserved'))) return;
    await ctx.db.updateTable('allocations').set({ status: 'allocated' }).where('preorder_id', '=', first.preorderId).execute();
    ctx.emit.StockAllocated({ ...first, sku });
  }
}

/**
 * One after another for each sku: a pre-order that begins or ends to wait, and a delivery, locks the row of the stock until its transaction
 * ends. Otherwise two could serve the same pre-order, or one come to wait for what another has just brought.
 */
async function queue({ db }: Context, sku: string): Promise<void> {
  await db
    .insertInto('stock')
    .values({ sku, available: 0, reserved: 0, sold: 0, revision: 0 })
    .onConflict((conflict) => conflict.column('sku').doUpdateSet((eb) => ({ revision: eb.ref('stock.revision') })))
    .execute();
}

/** A pre-order is cancelled: what is held for it is free for the next in line, and then for every customer. */
export async function callOff(ctx: Context, { preorderId, sku, quantity }: Wanted): Promise<void> {
  await queue(ctx, sku);
  // A row where there is none yet: should the placing come later, it finds that it is over.
  await ctx.db
    .insertInto('allocations')
    .values({ preorder_id: preorderId, sku, quantity, status: 'called off' })
    .onConflict((conflict) =>
      conflict.column('preorder_id').doUpdateSet({ status: 'called off' }).where('allocations.status', '=', 'waiting'),
    )
    .execute();
  const held = await ctx.db
    .updateTable('allocations')
    .set({ status: 'released' })
    .where('preorder_id', '=', preorderId)
    .where('status', '=', 'allocated')
    .returning('quantity')
    .executeTakeFirst();
  if (held) {
    await shift(ctx, { sku, quantity: held.quantity }, 'reserved', 'available');
    ctx.emit.AllocationReleased({ preorderId, sku, quantity: held.quantity });
  }
  await allocate(ctx, sku);
}

/** A pre-order is paid: what is held for it is sold. */
export async function sell(ctx: Context, preorderId: string): Promise<void> {
  const sold = await ctx.db
    .updateTable('allocations')
    .set({ status: 'sold' })
    .where('preorder_id', '=', preorderId)
    .where('status', '=', 'allocated')
    .returning(['sku', 'quantity'])
    .executeTakeFirst();
  if (sold) await shift(ctx, sold, 'reserved', 'sold');
}

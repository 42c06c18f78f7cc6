import { allocate } from './allocations.ts';
import { Inventory } from './contract.ts';
import { faultOf, type Line, merged } from './domain.ts';
import { type Context, shift } from './stock.ts';

/** How long a parcel takes in this shop, where no lorry drives. */
const ON_THE_ROAD = '500ms';

/** A customer may send something back. */
export async function expectParcel(ctx: Context, returnId: string, lines: readonly Line[], because: string): Promise<void> {
  const fresh = await ctx.db
    .insertInto('parcels')
    .values({ return_id: returnId, lines: JSON.stringify(merged(lines)), because, status: 'expected' })
    .onConflict((conflict) => conflict.column('return_id').doNothing())
    .returning('return_id')
    .executeTakeFirst();
  if (fresh) ctx.send(Inventory.commands.unpack, { returnId }, { after: ON_THE_ROAD });
}

export async function unpack(ctx: Context, returnId: string): Promise<void> {
  const parcel = await ctx.db.selectFrom('parcels').select(['because', 'status']).where('return_id', '=', returnId).executeTakeFirst();
  if (parcel?.status !== 'expected') return;
  const condition = faultOf(parcel.because);
  const lines = await become(ctx, returnId, 'expected', condition === undefined ? 'received' : 'rejected');
  if (!lines) return;
  if (condition === undefined) ctx.emit.GoodsReceived({ returnId, lines });
  else ctx.emit.GoodsRejected({ returnId, lines, condition });
}

/** The customer has the money back: the goods can be sold again. */
export async function restock(ctx: Context, returnId: string): Promise<void> {
  const lines = await become(ctx, returnId, 'received', 'restocked');
  if (!lines) return;
  for (const line of lines) {
    await shift(ctx, line, 'sold', 'available');
    await allocate(ctx, line.sku);
  }
  ctx.emit.GoodsRestocked({ returnId, lines });
}

/** The customer keeps the goods, for the money could not go back. */
export async function sendBack(ctx: Context, returnId: string): Promise<void> {
  await become(ctx, returnId, 'received', 'sent back');
}

/** @returns what is in the parcel; undefined when it was not as it should be */
async function become(
  { db }: Context,
  returnId: string,
  from: 'expected' | 'received',
  to: 'received' | 'rejected' | 'restocked' | 'sent back',
): Promise<Line[] | undefined> {
  const parcel = await db
    .updateTable('parcels')
    .set({ status: to })
    .where('return_id', '=', returnId)
    .where('status', '=', from)
    .returning('lines')
    .executeTakeFirst();
  return parcel && (JSON.parse(parcel.lines) as Line[]);
}

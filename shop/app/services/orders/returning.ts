import type { WriteContext } from 'ramet';
import type { Orders } from './contract.ts';
import type { Line } from './domain.ts';
import type { Tables } from './journey.ts';
import { judgeReturn, type SoldLine } from './returnable.ts';

type Context = WriteContext<typeof Orders, Tables>;

interface Asked {
  readonly returnId: string;
  readonly orderId: string;
  readonly customerId: string;
  readonly lines?: readonly Line[] | undefined;
  readonly reason: string;
}

/** A customer wants to return goods. Only this service knows what was bought, by whom, and what was returned already. */
export async function judge(ctx: Context, { returnId, orderId, customerId, lines, reason }: Asked): Promise<void> {
  // Two returns of one order are judged one after the other: each sees what the other takes.
  const order = await ctx.db
    .selectFrom('orders')
    .select(['customer_id', 'status', 'lines'])
    .where('order_id', '=', orderId)
    .forUpdate()
    .executeTakeFirst();
  const earlier = await ctx.db
    .selectFrom('order_returns')
    .select('lines')
    .where('order_id', '=', orderId)
    .where('status', '=', 'approved')
    .execute();
  const verdict = judgeReturn(
    order && {
      customerId: order.customer_id,
      confirmed: order.status === 'confirmed',
      sold: JSON.parse(order.lines) as SoldLine[],
      returned: earlier.flatMap((row) => JSON.parse(row.lines) as Line[]),
    },
    { customerId, lines },
  );
  if (verdict.kind === 'denied') {
    ctx.emit.ReturnDenied({ orderId, returnId, reason: verdict.reason });
    return;
  }
  await ctx.db
    .insertInto('order_returns')
    .values({ return_id: returnId, order_id: orderId, lines: JSON.stringify(verdict.lines), status: 'approved' })
    .execute();
  ctx.emit.ReturnApproved({ orderId, returnId, lines: verdict.lines, amount: verdict.amount, because: reason });
}

/** A return came to nothing: what it was about may be returned again. */
export async function withdraw({ db }: Context, returnId: string): Promise<void> {
  await db.updateTable('order_returns').set({ status: 'withdrawn' }).where('return_id', '=', returnId).execute();
}

import type { WriteContext } from 'ramet';
import { Payments } from './contract.ts';
import { isChargeable } from './domain.ts';
import type { Tables } from './tables.ts';

type Context = WriteContext<typeof Payments, Tables>;

/** The customer allows it. */
export async function allow(ctx: Context, orderId: string, amount: number, cardToken: string): Promise<void> {
  await ctx.db
    .insertInto('mandates')
    .values({ order_id: orderId, amount, card_token: cardToken, due: 0, status: 'open' })
    .onConflict((conflict) =>
      conflict.column('order_id').doUpdateSet({ amount, card_token: cardToken }).where('mandates.status', '=', 'open'),
    )
    .execute();
  await chargeIfDue(ctx, orderId);
}

/** The goods are there. */
export async function fallDue(ctx: Context, orderId: string): Promise<void> {
  await ctx.db
    .insertInto('mandates')
    .values({ order_id: orderId, amount: null, card_token: null, due: 1, status: 'open' })
    .onConflict((conflict) => conflict.column('order_id').doUpdateSet({ due: 1 }))
    .execute();
  await chargeIfDue(ctx, orderId);
}

/** Nothing is to be charged any more, and what was charged goes back. What is being charged goes back when it is. */
export async function revoke(ctx: Context, orderId: string): Promise<void> {
  await ctx.db
    .insertInto('mandates')
    .values({ order_id: orderId, amount: null, card_token: null, due: 0, status: 'revoked' })
    .onConflict((conflict) => conflict.column('order_id').doUpdateSet({ card_token: null, status: 'revoked' }))
    .execute();
  const payment = await ctx.db.selectFrom('payments').select('status').where('order_id', '=', orderId).executeTakeFirst();
  if (payment?.status === 'captured') ctx.send(Payments.commands.refund, { orderId });
}

/** Writing to the row locks it, so that a charge and a revocation never pass each other unseen. */
export async function isRevoked({ db }: Pick<Context, 'db'>, orderId: string): Promise<boolean> {
  const mandate = await db
    .updateTable('mandates')
    .set((eb) => ({ due: eb.ref('due') }))
    .where('order_id', '=', orderId)
    .returning('status')
    .executeTakeFirst();
  return mandate?.status === 'revoked';
}

async function chargeIfDue(ctx: Context, orderId: string): Promise<void> {
  const mandate = await ctx.db
    .selectFrom('mandates')
    .select(['amount', 'card_token', 'due', 'status'])
    .where('order_id', '=', orderId)
    .executeTakeFirstOrThrow();
  if (!isChargeable(mandate)) return;
  // The card's token is kept no longer than it is needed.
  await ctx.db.updateTable('mandates').set({ status: 'used', card_token: null }).where('order_id', '=', orderId).execute();
  ctx.send(Payments.commands.charge, { orderId, amount: mandate.amount, cardToken: mandate.card_token });
}

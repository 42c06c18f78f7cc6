import type { WriteContext } from 'ramet';
import type { Returns } from './contract.ts';
import { advances, entryOf, type Fact, type Line, type Stage, type Status, statusOf } from './domain.ts';

export interface Tables {
  returns: {
    return_id: string;
    order_id: string;
    customer_id: string;
    because: string;
    stage: Stage;
    reason: string | null;
    refund: number | null;
    lines: string;
    entries: number;
    facts: number;
  };
  return_history: { return_id: string; seq: number; at: string; status: Status; what: string };
  return_facts: { return_id: string; fact: Fact; data: string };
}
type Context = WriteContext<typeof Returns, Tables>;

/** What comes with a fact, where something does. */
interface Told {
  readonly lines?: readonly Line[];
  readonly amount?: number;
  readonly reason?: string;
}

/** Records a fact about a return, and advances the return as far as all known facts allow. */
export async function learn(ctx: Context, returnId: string, fact: Fact, told: Told): Promise<void> {
  const found = await ctx.db
    .updateTable('returns')
    .set((eb) => ({ facts: eb('facts', '+', 1) }))
    .where('return_id', '=', returnId)
    .returning(['order_id', 'customer_id', 'stage', 'refund'])
    .executeTakeFirst();
  if (!found) return;
  await ctx.db
    .insertInto('return_facts')
    .values({ return_id: returnId, fact, data: JSON.stringify(told) })
    .onConflict((conflict) => conflict.columns(['return_id', 'fact']).doNothing())
    .execute();
  const rows = await ctx.db.selectFrom('return_facts').select(['fact', 'data']).where('return_id', '=', returnId).execute();
  const known = new Map(rows.map((row) => [row.fact, JSON.parse(row.data) as Told]));
  for (const { by, to } of advances(found.stage, new Set(known.keys()))) await enter(ctx, returnId, to, known.get(by) ?? {});
}

/** Every step of the journey is an entry of its history and an event under its id, so that a watching query is woken. */
async function enter(ctx: Context, returnId: string, stage: Stage, { lines, amount, reason }: Told): Promise<void> {
  const what = entryOf(stage, reason);
  const row = await ctx.db
    .updateTable('returns')
    .set((eb) => ({
      stage,
      entries: eb('entries', '+', 1),
      ...(stage === 'approved' ? { lines: JSON.stringify(lines), refund: amount ?? 0 } : {}),
      ...(stage === 'refused' ? { reason: reason ?? null, refund: null } : {}),
    }))
    .where('return_id', '=', returnId)
    .returning(['entries', 'order_id as orderId', 'customer_id as customerId', 'refund'])
    .executeTakeFirstOrThrow();
  const { orderId, customerId, entries } = row;
  const refund = row.refund ?? 0;
  const at = ctx.now().toISOString();
  await ctx.db
    .insertInto('return_history')
    .values({ return_id: returnId, seq: entries, at, status: statusOf(stage), what })
    .execute();
  ctx.emit.ReturnProgressed({ returnId, what, at });
  if (stage === 'received') ctx.emit.ReturnReceived({ returnId, orderId, amount: refund });
  if (stage === 'refused') ctx.emit.ReturnRefused({ returnId, orderId, customerId, reason: reason ?? '' });
  if (stage === 'completed') ctx.emit.ReturnCompleted({ returnId, orderId, customerId, refund });
}

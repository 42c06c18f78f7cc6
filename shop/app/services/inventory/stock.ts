import type { WriteContext } from 'ramet';
import type { Inventory } from './contract.ts';
import type { Line } from './domain.ts';

export interface Tables {
  stock: { sku: string; available: number; reserved: number; sold: number; revision: number };
  reservations: { order_id: string; sku: string; quantity: number; status: 'reserved' | 'released' | 'sold' };
  allocations: {
    preorder_id: string;
    sku: string;
    quantity: number;
    status: 'waiting' | 'allocated' | 'sold' | 'released' | 'called off';
  };
  parcels: {
    return_id: string;
    lines: string;
    because: string;
    status: 'expected' | 'received' | 'rejected' | 'restocked' | 'sent back';
  };
}
export type Context = WriteContext<typeof Inventory, Tables>;

type Pile = 'available' | 'reserved' | 'sold';

/** Moves pieces from one pile to another, and publishes when customers can buy more or less. @returns false when there are not enough */
export async function move(ctx: Context, { sku, quantity }: Line, from: Pile, to: Pile): Promise<boolean> {
  const shown = from === 'available' || to === 'available';
  const stock = await ctx.db
    .updateTable('stock')
    .set((eb) => ({ [from]: eb(from, '-', quantity), [to]: eb(to, '+', quantity), ...(shown ? { revision: eb('revision', '+', 1) } : {}) }))
    .where('sku', '=', sku)
    .where(from, '>=', quantity)
    .returning(['sku', 'available', 'revision'])
    .executeTakeFirst();
  if (stock && shown) ctx.emit.StockChanged(stock);
  return stock !== undefined;
}

/** The same where there must be enough. @throws Error when there are not: the books are wrong */
export async function shift(ctx: Context, line: Line, from: Pile, to: Pile): Promise<void> {
  if (!(await move(ctx, line, from, to))) throw new Error(`there are not ${line.quantity} ${line.sku} ${from} that could become ${to}`);
}

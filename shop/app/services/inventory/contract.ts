import { command, contract, event, failure, query } from 'ramet';
import { z } from 'zod';

const Line = z.object({ sku: z.string().min(1).max(64), quantity: z.int().min(1).max(1_000_000) });
const OfOrder = z.object({ orderId: z.string(), lines: z.array(Line) });
const OfReturn = z.object({ returnId: z.string(), lines: z.array(Line) });
const Allocation = z.object({ preorderId: z.string(), sku: z.string(), quantity: z.int() });

/** What lies in the warehouse, for which orders and pre-orders it is held, and what comes back. */
export const Inventory = contract('inventory', {
  commands: {
    receive: command({ input: z.object({ items: z.array(Line).min(1).max(1_000) }) }),
    reserve: command({
      input: z.object({ orderId: z.string(), lines: z.array(Line).min(1).max(100) }),
      errors: { OutOfStock: failure(409, z.object({ sku: z.string() })) },
    }),
    /** Gives back what is reserved for an order; nothing when nothing is. */
    release: command({ input: z.object({ orderId: z.string() }) }),
    /** An expected parcel has arrived: its contents are examined. */
    unpack: command({ input: z.object({ returnId: z.string() }) }),
  },
  queries: {
    /** All zeros for what never came in. */
    stock: query({
      input: z.object({ sku: z.string() }),
      output: z.object({ onHand: z.int(), reserved: z.int(), available: z.int(), sold: z.int() }),
    }),
  },
  events: {
    /** `available` is absolute; the higher `revision` is the later one, in whatever order they arrive. */
    StockChanged: event(z.object({ sku: z.string(), available: z.int(), revision: z.int() }), { key: 'sku' }),
    StockReserved: event(OfOrder, { key: 'orderId' }),
    StockReleased: event(OfOrder, { key: 'orderId' }),
    /** Pieces are held for a pre-order. */
    StockAllocated: event(Allocation, { key: 'preorderId' }),
    /** They are not any more. */
    AllocationReleased: event(Allocation, { key: 'preorderId' }),
    GoodsReceived: event(OfReturn, { key: 'returnId' }),
    /** The goods were returned worn out, and are sent back to the customer. */
    GoodsRejected: event(OfReturn.extend({ condition: z.string() }), { key: 'returnId' }),
    /** They can be bought again. */
    GoodsRestocked: event(OfReturn, { key: 'returnId' }),
  },
});

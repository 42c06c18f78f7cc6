import { command, contract, event, failure, query } from 'ramet';
import { z } from 'zod';

const Line = z.object({ sku: z.string().min(1).max(64), quantity: z.int().min(1).max(1_000_000) });
const OfOrder = z.object({ orderId: z.string(), lines: z.array(Line) });

/** What lies in the warehouse, and for which orders it is held. */
export const Inventory = contract('inventory', {
  commands: {
    receive: command({ input: z.object({ items: z.array(Line).min(1).max(1_000) }) }),
    reserve: command({
      input: z.object({ orderId: z.string(), lines: z.array(Line).min(1).max(100) }),
      errors: { OutOfStock: failure(409, z.object({ sku: z.string() })) },
    }),
    /** Gives back what is reserved for an order; nothing when nothing is. */
    release: command({ input: z.object({ orderId: z.string() }) }),
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
  },
});

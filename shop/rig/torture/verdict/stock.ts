import { products } from '../../../app/services/catalog/data/products.ts';
import { type Check, type Evidence, groupBy, linesOf, ordersOf, preordersOf, returnsOf, type SoldLine } from './check.ts';

interface Stock {
  readonly sku: string;
  readonly available: number;
  readonly reserved: number;
  readonly sold: number;
  readonly revision: number;
}

interface Reservation {
  readonly order_id: string;
  readonly sku: string;
  readonly quantity: number;
  readonly status: 'reserved' | 'released' | 'sold';
}

export const stock: Check = {
  name: 'stock adds up for every product',
  *violations(evidence) {
    const { databases } = evidence;
    const rows = new Map(databases.rows<Stock>('inventory', 'select * from stock').map((row) => [row.sku, row]));
    const sold = soldOf(evidence);
    const delivered = new Map<string, number>();
    for (const { sku, quantity } of evidence.history.deliveries) delivered.set(sku, (delivered.get(sku) ?? 0) + quantity);
    for (const { sku, stock } of products) {
      const initial = stock + (delivered.get(sku) ?? 0);
      const row = rows.get(sku);
      rows.delete(sku);
      const told = `${sku}: ${initial} came in, ${JSON.stringify(row)}`;
      if (!row || row.available + row.reserved + row.sold !== initial) yield `pieces are lost or made: ${told}`;
      else if (row.reserved !== 0) yield `pieces are still held: ${told}`;
      else if (row.sold !== (sold.get(sku) ?? 0)) yield `sold are ${sold.get(sku) ?? 0}: ${told}`;
    }
    for (const sku of rows.keys()) yield `there is stock of ${sku}, which is not a product`;
  },
};

/** How many of each product are with customers: bought or pre-ordered, and not sent back. */
function soldOf(evidence: Evidence): Map<string, number> {
  const sold = new Map<string, number>();
  const count = (lines: readonly Pick<SoldLine, 'sku' | 'quantity'>[], sign: 1 | -1) => {
    for (const { sku, quantity } of lines) sold.set(sku, (sold.get(sku) ?? 0) + sign * quantity);
  };
  for (const order of ordersOf(evidence)) if (order.status === 'confirmed') count(linesOf(order), 1);
  for (const { status, sku, quantity } of preordersOf(evidence)) if (status === 'confirmed') count([{ sku, quantity }], 1);
  for (const { stage, lines } of returnsOf(evidence)) if (stage === 'completed') count(JSON.parse(lines) as SoldLine[], -1);
  return sold;
}

export const reservations: Check = {
  name: 'reservations end with their orders: sold when confirmed, released or none when cancelled',
  *violations(evidence) {
    const byOrder = groupBy(
      evidence.databases.rows<Reservation>('inventory', 'select * from reservations order by order_id, sku'),
      (reservation) => reservation.order_id,
    );
    for (const order of ordersOf(evidence)) {
      const own = byOrder.get(order.order_id) ?? [];
      byOrder.delete(order.order_id);
      const told = `order ${order.order_id} (${order.status}): ${JSON.stringify(own.map(({ sku, quantity, status }) => `${quantity} ${sku} ${status}`))}`;
      if (order.status === 'cancelled' && own.some(({ status }) => status !== 'released')) yield told;
      if (order.status !== 'confirmed') continue;
      const wanted = linesOf(order)
        .map(({ sku, quantity }) => `${sku} ${quantity} sold`)
        .sort();
      const found = own.map(({ sku, quantity, status }) => `${sku} ${quantity} ${status}`).sort();
      if (wanted.join() !== found.join()) yield told;
    }
    for (const orderId of byOrder.keys()) yield `something is reserved for ${orderId}, which is not an order`;
  },
};

export const availability: Check = {
  name: 'the catalog shows what inventory has',
  *violations({ databases }) {
    const shown = new Map(databases.rows<Stock>('catalog', 'select * from availability').map((row) => [row.sku, row]));
    for (const row of databases.rows<Stock>('inventory', 'select * from stock')) {
      const known = shown.get(row.sku);
      if (known?.available !== row.available || known.revision !== row.revision)
        yield `${row.sku}: the catalog shows ${JSON.stringify(known)}, inventory has ${JSON.stringify(row)}`;
    }
  },
};

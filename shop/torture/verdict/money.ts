import { type Check, groupBy, ordersOf } from './check.ts';

interface Charge {
  readonly id: string;
  readonly reference: string;
  readonly amount: number;
  readonly status: 'captured' | 'refunded' | 'declined';
}

/** How many of each status an order's charges may have. */
const said = (charges: readonly Charge[]): string =>
  charges.map(({ id, status, amount }) => `${id} ${status} ${amount}`).join(', ') || 'none';

export const charges: Check = {
  name: 'a confirmed order has one captured charge of its total, a cancelled one has none',
  *violations(evidence) {
    const all = evidence.databases.rows<Charge>('provider', 'select id, reference, amount, status from charges');
    const byOrder = groupBy(all, (charge) => charge.reference);
    const orders = ordersOf(evidence);
    for (const order of orders) {
      const own = byOrder.get(order.order_id) ?? [];
      const captured = own.filter(({ status }) => status === 'captured');
      const told = `order ${order.order_id} (${order.status}, ${order.total}), charges: ${said(own)}`;
      if (order.status === 'confirmed' && (captured.length !== 1 || captured[0]?.amount !== order.total)) yield told;
      if (order.status === 'cancelled' && captured.length > 0) yield told;
      if (own.length > 1) yield `charged more than once: ${told}`;
    }
    const known = new Set(orders.map((order) => order.order_id));
    for (const { id, reference } of all) if (!known.has(reference)) yield `charge ${id} is for ${reference}, which is no order`;
  },
};

export const refunds: Check = {
  name: 'each refunded charge has one refund, of its whole amount',
  *violations({ databases }) {
    const byCharge = groupBy(
      databases.rows<{ id: string; charge: string; amount: number }>('provider', 'select id, charge, amount from refunds'),
      (refund) => refund.charge,
    );
    const all = databases.rows<Charge>('provider', 'select id, reference, amount, status from charges');
    for (const { id, reference, amount, status } of all) {
      const own = byCharge.get(id) ?? [];
      byCharge.delete(id);
      const told = `charge ${id} of order ${reference} (${status}, ${amount}), refunds: ${own.map((refund) => `${refund.id} ${refund.amount}`).join(', ') || 'none'}`;
      if (status === 'refunded' ? own.length !== 1 || own[0]?.amount !== amount : own.length > 0) yield told;
    }
    for (const id of byCharge.keys()) yield `a refund is for ${id}, which is no charge`;
  },
};

export const turnover: Check = {
  name: 'the money at the provider is the total of the confirmed orders',
  *violations(evidence) {
    const { databases } = evidence;
    const captured = databases.count('provider', "select coalesce(sum(amount), 0) from charges where status = 'captured'");
    const earned = ordersOf(evidence).reduce((sum, { status, total }) => sum + (status === 'confirmed' ? total : 0), 0);
    if (captured !== earned) yield `captured are ${captured}, confirmed orders cost ${earned}`;
  },
};

export const payments: Check = {
  name: 'our books of payments agree with the provider',
  *violations({ databases }) {
    const byOrder = groupBy(
      databases.rows<Charge>('provider', 'select id, reference, amount, status from charges'),
      (charge) => charge.reference,
    );
    const ours = databases.rows<{ order_id: string; amount: number; status: string; charge_id: string | null }>(
      'payments',
      'select order_id, amount, status, charge_id from payments',
    );
    for (const payment of ours) {
      const [theirs] = byOrder.get(payment.order_id) ?? [];
      byOrder.delete(payment.order_id);
      const agrees = theirs
        ? theirs.status === payment.status &&
          theirs.amount === payment.amount &&
          (theirs.status === 'declined' || theirs.id === payment.charge_id)
        : // A charge that was given up before it took place is as good as declined, and nobody knows of it there.
          payment.status === 'declined' && payment.charge_id === null;
      if (!agrees) yield `order ${payment.order_id}: ours ${JSON.stringify(payment)}, theirs ${JSON.stringify(theirs)}`;
    }
    for (const [orderId, own] of byOrder) yield `order ${orderId} has no payment in our books, at the provider: ${said(own)}`;
  },
};

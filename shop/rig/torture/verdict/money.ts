import { type Check, earnedOf, groupBy, ordersOf, preordersOf, refundedOf } from './check.ts';

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
  name: 'a confirmed order has one charge of its total, captured unless all of it came back, and a cancelled one none',
  *violations(evidence) {
    const all = evidence.databases.rows<Charge>('provider', 'select id, reference, amount, status from charges');
    const byOrder = groupBy(all, (charge) => charge.reference);
    const back = refundedOf(evidence);
    const orders = [
      ...ordersOf(evidence),
      ...preordersOf(evidence).map((one) => ({ order_id: one.preorder_id, status: one.status, total: one.price * one.quantity })),
    ];
    for (const order of orders) {
      const own = byOrder.get(order.order_id) ?? [];
      const captured = own.filter(({ status }) => status === 'captured');
      const told = `order ${order.order_id} (${order.status}, ${order.total}), charges: ${said(own)}`;
      const status = back.get(order.order_id) === order.total ? 'refunded' : 'captured';
      if (order.status === 'confirmed' && (own[0]?.status !== status || own[0]?.amount !== order.total)) yield told;
      if (order.status === 'waiting' && own.length > 0) yield told;
      if (order.status === 'cancelled' && captured.length > 0) yield told;
      if (own.length > 1) yield `charged more than once: ${told}`;
    }
    const known = new Set(orders.map((order) => order.order_id));
    for (const { id, reference } of all) if (!known.has(reference)) yield `charge ${id} is for ${reference}, which is not an order`;
  },
};

export const refunds: Check = {
  name: 'refunds add up: to the whole of a refunded charge, to what was returned of another one',
  *violations(evidence) {
    const { databases } = evidence;
    const back = refundedOf(evidence);
    const byCharge = groupBy(
      databases.rows<{ id: string; charge: string; amount: number }>('provider', 'select id, charge, amount from refunds'),
      (refund) => refund.charge,
    );
    const all = databases.rows<Charge>('provider', 'select id, reference, amount, status from charges');
    for (const { id, reference, amount, status } of all) {
      const own = byCharge.get(id) ?? [];
      byCharge.delete(id);
      const told = `charge ${id} of order ${reference} (${status}, ${amount}), refunds: ${own.map((refund) => `${refund.id} ${refund.amount}`).join(', ') || 'none'}`;
      const sum = own.reduce((total, refund) => total + refund.amount, 0);
      if (sum !== (status === 'refunded' ? amount : (back.get(reference) ?? 0))) yield told;
    }
    for (const id of byCharge.keys()) yield `a refund is for ${id}, which is not a charge`;
  },
};

export const turnover: Check = {
  name: 'the money at the provider is the total of what is sold: confirmed orders and pre-orders, less what came back',
  *violations(evidence) {
    const { databases } = evidence;
    const charged = databases.count('provider', "select coalesce(sum(amount), 0) from charges where status <> 'declined'");
    const refunded = databases.count('provider', 'select coalesce(sum(amount), 0) from refunds');
    const earned = earnedOf(evidence);
    if (charged - refunded !== earned) yield `charged are ${charged}, refunded ${refunded}, and what is sold cost ${earned}`;
  },
};

export const payments: Check = {
  name: 'our books of payments agree with the provider',
  *violations({ databases }) {
    const byOrder = groupBy(
      databases.rows<Charge>('provider', 'select id, reference, amount, status from charges'),
      (charge) => charge.reference,
    );
    const ours = databases.rows<{ order_id: string; amount: number; status: string; charge_id: string | null; refunded: number }>(
      'payments',
      'select order_id, amount, status, charge_id, refunded from payments',
    );
    const refunded = new Map(
      databases
        .rows<{ charge: string; sum: number }>('provider', 'select charge, sum(amount) as sum from refunds group by charge')
        .map(({ charge, sum }) => [charge, sum]),
    );
    for (const payment of ours) {
      const [theirs] = byOrder.get(payment.order_id) ?? [];
      byOrder.delete(payment.order_id);
      const agrees = theirs
        ? // A payment of which everything was returned, part by part, is one that was captured.
          (theirs.status === payment.status || (theirs.status === 'refunded' && payment.status === 'captured')) &&
          theirs.amount === payment.amount &&
          payment.refunded === (refunded.get(theirs.id) ?? 0) &&
          (theirs.status === 'declined' || theirs.id === payment.charge_id)
        : // A charge that was given up before it took place is as good as declined, and has no record there.
          payment.status === 'declined' && payment.charge_id === null;
      if (!agrees) yield `order ${payment.order_id}: ours ${JSON.stringify(payment)}, theirs ${JSON.stringify(theirs)}`;
    }
    for (const [orderId, own] of byOrder) yield `order ${orderId} has no payment in our books, at the provider: ${said(own)}`;
  },
};

import { idsOf } from '../history.ts';
import { type Check, differences, type Evidence, groupBy, linesOf, ordersOf, preordersOf, type ReturnRow, returnsOf } from './check.ts';

export const onePerRequest: Check = {
  name: 'each key is one return or one pre-order, each of them has a key, and each delivery came in',
  *violations(evidence) {
    const { history } = evidence;
    const kinds = [
      ['return', history.returns, 'returnId', returnsOf(evidence).map(({ return_id }) => return_id)],
      ['pre-order', history.preorders, 'preorderId', preordersOf(evidence).map(({ preorder_id }) => preorder_id)],
    ] as const;
    for (const [what, requests, name, known] of kinds) {
      const given = new Set<string>();
      for (const request of requests) {
        const ids = idsOf(request, name);
        if (ids.length !== 1) yield `the ${what} under key ${request.key} was given ${ids.length} ids: ${ids.join(', ')}`;
        for (const id of ids) {
          if (given.has(id)) yield `${what} ${id} was given for two keys`;
          given.add(id);
        }
      }
      yield* differences(given, new Set(known), `an accepted ${what} is gone`, `a ${what} was made that no client got an answer for`);
    }
    for (const { sku, quantity, answers } of history.deliveries)
      if (answers.length === 0) yield `the delivery of ${quantity} ${sku} was never answered`;
  },
};

export const returns: Check = {
  name: 'returns end: completed for what was bought and its price, or refused for a true reason',
  *violations(evidence) {
    const orders = new Map(ordersOf(evidence).map((order) => [order.order_id, order]));
    for (const [orderId, own] of groupBy(returnsOf(evidence), ({ order_id }) => order_id)) {
      const order = orders.get(orderId);
      const sold = new Map((order ? linesOf(order) : []).map((line) => [line.sku, line]));
      const back = new Map<string, number>();
      for (const one of own) {
        const told = `return ${one.return_id} of ${orderId} (${order?.status}): ${JSON.stringify(one)}`;
        if (one.stage === 'refused' && !isTrue(one, order)) yield `refused for no reason: ${told}`;
        if (one.stage !== 'refused' && one.stage !== 'completed') yield `it has not ended: ${told}`;
        if (one.stage !== 'completed') continue;
        if (order?.status !== 'confirmed' || order.customer_id !== one.customer_id) yield told;
        const lines = JSON.parse(one.lines) as { sku: string; quantity: number }[];
        const worth = lines.reduce((sum, { sku, quantity }) => sum + (sold.get(sku)?.price ?? Number.NaN) * quantity, 0);
        if (worth !== one.refund) yield `its goods cost ${worth}: ${told}`;
        for (const { sku, quantity } of lines) back.set(sku, (back.get(sku) ?? 0) + quantity);
      }
      for (const [sku, quantity] of back)
        if (quantity > (sold.get(sku)?.quantity ?? 0)) yield `of order ${orderId} more came back than was sold: ${quantity} ${sku}`;
    }
  },
};

function isTrue({ reason, because }: ReturnRow, order: { status: string } | undefined): boolean {
  if (reason === 'the goods came back worn out') return /worn out/.test(because);
  // It may be confirmed by now: what counted was the moment.
  if (reason === 'the order is not confirmed') return order !== undefined;
  return (
    order?.status === 'confirmed' &&
    /^(everything was returned already|(returned already|more than there is to return): \S+)$/.test(reason ?? '')
  );
}

export const preorders: Check = {
  name: 'pre-orders end as they must, and who waits does so for want of goods',
  *violations(evidence) {
    const placed = new Map(evidence.history.preorders.flatMap((one) => idsOf(one, 'preorderId').map((id) => [id, one] as const)));
    const held = new Map(
      evidence.databases
        .rows<{ preorder_id: string; status: string }>('inventory', 'select preorder_id, status from allocations')
        .map(({ preorder_id, status }) => [preorder_id, status]),
    );
    for (const one of preordersOf(evidence)) {
      const request = placed.get(one.preorder_id);
      const allocation = held.get(one.preorder_id) ?? '';
      const told = `pre-order ${one.preorder_id} (${request?.kind}), ${allocation}: ${JSON.stringify(one)}`;
      if (!ALLOCATIONS[one.status]?.includes(allocation)) yield told;
      for (const { status } of request?.cancelled ?? [])
        if (one.status !== (status === 202 ? 'cancelled' : 'confirmed')) yield `its cancellation was answered ${status}: ${told}`;
      const pays = request?.kind !== 'declined' && request?.kind !== 'no funds';
      if (one.status === 'confirmed' && !pays) yield told;
      const byCustomer = one.reason === 'cancelled by the customer' && request !== undefined && request.cancelled.length > 0;
      if (!byCustomer && one.reason !== reasonOf(one.status, request?.kind)) yield `no true reason: ${told}`;
    }
    yield* waitingFor(evidence);
  },
};

const ALLOCATIONS: Readonly<Record<string, readonly string[]>> = {
  waiting: ['waiting'],
  allocated: [],
  confirmed: ['sold'],
  cancelled: ['released', 'called off'],
};

function reasonOf(status: string, kind: string | undefined): string | null {
  if (status !== 'cancelled') return null;
  return kind === 'declined'
    ? 'card declined: refused by the bank'
    : kind === 'no funds'
      ? 'card declined: insufficient funds'
      : 'another one';
}

/** The customer who waits longest for a product wants more than there is. */
function* waitingFor(evidence: Evidence): Generator<string> {
  const waiting = preordersOf(evidence).filter(({ status }) => status === 'waiting');
  for (const [sku, [first]] of groupBy(waiting, (one) => one.sku)) {
    const available = evidence.databases.count('inventory', 'select available from stock where sku = ?', sku);
    if (first && first.quantity <= available)
      yield `pre-order ${first.preorder_id} waits for ${first.quantity} ${sku}, and there are ${available}`;
  }
}

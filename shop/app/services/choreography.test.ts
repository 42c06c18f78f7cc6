import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Heard, openReacting, permutations, type Reacting } from './reacting.fixture.ts';

/*
 * What each service makes of events that come in any order and twice: the bus keeps the order of one source and one key, over
 * Kafka only within a type, and nothing else. See docs/choreography.md.
 */
let shop: Reacting;
let count = 0;
beforeAll(async () => {
  shop = await openReacting();
});
afterAll(() => shop[Symbol.asyncDispose]());

/** A new id; later ones sort after earlier ones, as those of the framework do. */
const fresh = (prefix: string) => `${prefix}_${String(++count).padStart(26, '0')}`;
const names = (heard: readonly Heard[]) => heard.map(({ name }) => name);
const times = (heard: readonly Heard[], name: string) => names(heard).filter((one) => one === name).length;

/** Takes steps one after another. @returns everything that was published and sent meanwhile */
async function inOrder(steps: readonly (() => Promise<Heard[]>)[]): Promise<Heard[]> {
  const heard: Heard[] = [];
  for (const step of steps) heard.push(...(await step()));
  return heard;
}

const orders = <S extends Readonly<Record<string, () => Promise<Heard[]>>>>(steps: S) =>
  permutations(Object.keys(steps)).map((keys) => [keys.join(', '), keys.map((key) => steps[key] as () => Promise<Heard[]>)] as const);

describe('a return', () => {
  const requested = async () => {
    const returnId = fresh('ret');
    const columns = 'return_id, order_id, customer_id, because, stage, lines, entries, facts';
    await shop.write(
      'returns',
      `insert into returns (${columns}) values (?, 'ord_1', 'usr_1', 'too green', 'requested', '[]', 1, 0)`,
      returnId,
    );
    return returnId;
  };
  const lines = [{ sku: 'A', quantity: 1 }];
  const TELLS = {
    approved: ['orders.ReturnApproved', { orderId: 'ord_1', lines, amount: 700, because: 'too green' }],
    denied: ['orders.ReturnDenied', { orderId: 'ord_1', reason: 'the order is not confirmed' }],
    received: ['inventory.GoodsReceived', { lines }],
    rejected: ['inventory.GoodsRejected', { lines, condition: 'worn out' }],
    refunded: ['payments.PartRefunded', { orderId: 'ord_1', amount: 700 }],
    refused: ['payments.RefundRefused', { orderId: 'ord_1', reason: 'no_partial_refunds' }],
    restocked: ['inventory.GoodsRestocked', { lines }],
  } as const;
  type Tell = keyof typeof TELLS;
  const tell = (returnId: string, fact: Tell) => () => shop.react('returns', TELLS[fact][0], { returnId, ...TELLS[fact][1] });

  const WAYS: { facts: Tell[]; told: string[]; history: string[]; row: object }[] = [
    {
      facts: ['approved', 'received', 'refunded', 'restocked'],
      told: ['ReturnReceived', 'ReturnCompleted'],
      history: ['approved', 'goods received', 'payment refunded', 'completed'],
      row: { stage: 'completed', refund: 700, reason: null },
    },
    {
      facts: ['approved', 'received', 'refused'],
      told: ['ReturnReceived', 'ReturnRefused'],
      history: ['approved', 'goods received', 'refused: the bank of the card takes no refund in part'],
      row: { stage: 'refused', refund: null, reason: 'the bank of the card takes no refund in part' },
    },
    {
      facts: ['approved', 'rejected'],
      told: ['ReturnRefused'],
      history: ['approved', 'refused: the goods came back worn out'],
      row: { stage: 'refused', refund: null, reason: 'the goods came back worn out' },
    },
    {
      facts: ['denied'],
      told: ['ReturnRefused'],
      history: ['refused: the order is not confirmed'],
      row: { stage: 'refused', refund: null, reason: 'the order is not confirmed' },
    },
  ];
  const cases = WAYS.flatMap((way) => permutations(way.facts).map((facts) => [facts.join(', '), facts, way] as const));

  test.each(cases)('that receives %s ends the same way, and publishes each event once', async (_, facts, way) => {
    const returnId = await requested();
    const heard = await inOrder([...facts, ...facts].map((fact) => tell(returnId, fact)));
    expect(names(heard).filter((name) => name !== 'ReturnProgressed')).toEqual(way.told);
    expect(heard.find(({ name }) => name === 'ReturnReceived')?.data.amount ?? 700).toBe(700);
    const history = await shop.rows('returns', 'select what from return_history where return_id = ? order by seq', returnId);
    expect(history.map(({ what }) => what)).toEqual(way.history);
    const progress = heard.filter(({ name }) => name === 'ReturnProgressed').map(({ data }) => data.what);
    expect(progress).toEqual(way.history);
    const [row] = await shop.rows('returns', 'select stage, refund, reason from returns where return_id = ?', returnId);
    expect(row).toEqual(way.row);
  });

  test('that no customer requested does not exist: nothing is published', async () => {
    expect(await tell('ret_none', 'approved')()).toEqual([]);
  });

  test('is owed once, and refunded by one effect, however often the goods are said to be there', async () => {
    const told = { returnId: fresh('ret'), orderId: 'ord_1', amount: 700 };
    const heard = await inOrder([1, 2].map(() => () => shop.react('payments', 'returns.ReturnReceived', told)));
    expect(heard.map(({ name, data }) => [name, data.returnId])).toEqual([['send payments.refundPart', told.returnId]]);
  });

  test('is unpacked once, and its goods are restocked only when they were received', async () => {
    const sku = fresh('SKU');
    await shop.write('inventory', 'insert into stock (sku, available, reserved, sold, revision) values (?, 0, 0, 3, 1)', sku);
    const returnId = fresh('ret');
    const approved = { returnId, orderId: 'ord_1', lines: [{ sku, quantity: 2 }], amount: 1, because: 'too green' };
    const steps = {
      approved: () => shop.react('inventory', 'orders.ReturnApproved', approved),
      refunded: () => shop.react('inventory', 'payments.PartRefunded', { returnId, orderId: 'ord_1', amount: 1 }),
      unpacked: () => shop.command('inventory', 'unpack', { returnId }),
    };
    expect(names(await inOrder([steps.refunded, steps.unpacked, steps.approved, steps.approved, steps.refunded]))).toEqual([
      'send inventory.unpack',
    ]);
    const heard = await inOrder([steps.unpacked, steps.unpacked, steps.refunded, steps.refunded]);
    expect(names(heard)).toEqual(['GoodsReceived', 'StockChanged', 'GoodsRestocked']);
    expect(await shop.rows('inventory', 'select available, reserved, sold from stock where sku = ?', sku)).toEqual([
      { available: 2, reserved: 0, sold: 1 },
    ]);
  });
});

describe('what was sold and comes back', () => {
  // The sale and the return are of one source and key, but of two types: over Kafka the sale may be heard of at any time.
  const RETURN = ['approved', 'unpacked', 'refunded'] as const;
  const ORDERS = [0, 1, 2, 3].map((at) => [...RETURN.slice(0, at), 'confirmed' as const, ...RETURN.slice(at)]);

  test.each(ORDERS.map((order) => [order.join(', '), order] as const))('is on sale again: %s', async (_, order) => {
    const [sku, orderId, returnId] = [fresh('SKU'), fresh('ord'), fresh('ret')];
    const approved = { returnId, orderId, lines: [{ sku, quantity: 2 }], amount: 1, because: 'too green' };
    const steps = {
      confirmed: () => shop.react('inventory', 'orders.OrderConfirmed', { orderId }),
      approved: () => shop.react('inventory', 'orders.ReturnApproved', approved),
      unpacked: () => shop.command('inventory', 'unpack', { returnId }),
      refunded: () => shop.react('inventory', 'payments.PartRefunded', { returnId, orderId, amount: 1 }),
    };
    const heard = await inOrder([
      () => shop.command('inventory', 'receive', { items: [{ sku, quantity: 5 }] }),
      () => shop.command('inventory', 'reserve', { orderId, lines: [{ sku, quantity: 3 }] }),
      ...[...order, ...order].map((step) => steps[step]),
    ]);
    expect(times(heard, 'GoodsRestocked')).toBe(1);
    expect(await shop.rows('inventory', 'select available, reserved, sold from stock where sku = ?', sku)).toEqual([
      { available: 4, reserved: 0, sold: 1 },
    ]);
  });
});

describe('orders judge returns', () => {
  async function sold(orderId: string, status = 'confirmed') {
    const lines = JSON.stringify([{ sku: 'A', name: 'A', price: 100, quantity: 2 }]);
    const columns = 'order_id, customer_id, status, total, lines, placed_at, entries';
    await shop.write('orders', `insert into orders (${columns}) values (?, 'ada', ?, 200, ?, '', 1)`, orderId, status, lines);
  }
  const asked = (orderId: string, more: object = {}) => ({
    returnId: fresh('ret'),
    orderId,
    customerId: 'ada',
    reason: 'too green',
    ...more,
  });
  const judge = (request: object) => shop.react('orders', 'returns.ReturnRequested', request);

  test('and of two for the same goods the first one gets them', async () => {
    const orderId = fresh('ord');
    await sold(orderId);
    const lines = [{ sku: 'A', quantity: 1 }];
    const heard = await inOrder([asked(orderId, { lines }), asked(orderId), asked(orderId)].map((request) => () => judge(request)));
    expect(heard.map(({ name, data }) => [name, data.amount ?? data.reason])).toEqual([
      ['ReturnApproved', 100],
      ['ReturnApproved', 100],
      ['ReturnDenied', 'everything was returned already'],
    ]);
  });

  test('and what was refused after all may be returned again', async () => {
    const orderId = fresh('ord');
    await sold(orderId);
    const first = asked(orderId);
    const refused = { ...first, reason: 'the goods came back worn out' };
    const heard = await inOrder([
      () => judge(first),
      () => shop.react('orders', 'returns.ReturnRefused', refused),
      () => shop.react('orders', 'returns.ReturnRefused', refused),
      () => judge(asked(orderId)),
    ]);
    expect(names(heard)).toEqual(['ReturnApproved', 'ReturnApproved']);
  });

  test('and deny what is not confirmed, not there, or not the customer’s', async () => {
    const orderId = fresh('ord');
    await sold(orderId, 'pending');
    const requests = [asked(orderId), asked('ord_none'), asked(orderId, { customerId: 'eve' })];
    const heard = await inOrder(requests.map((request) => () => judge(request)));
    const none = 'there is no such order of yours';
    expect(heard.map(({ data }) => data.reason)).toEqual(['the order is not confirmed', none, none]);
  });
});

describe('a pre-order', () => {
  const preorder = (sku: string, preorderId = fresh('pre')) => ({
    ...{ preorderId, sku, quantity: 2, customerId: 'ada', name: 'A', total: 200 },
    reason: 'cancelled by the customer',
  });
  const stockOf = async (sku: string) =>
    (await shop.rows('inventory', 'select available, reserved, sold from stock where sku = ?', sku))[0] as object;
  const receive = (sku: string, quantity: number) => () => shop.command('inventory', 'receive', { items: [{ sku, quantity }] });
  const inventory = (event: string, data: object) => () => shop.react('inventory', `preorders.${event}`, data);

  const warehouse = (sku: string, one = preorder(sku)) => ({
    placed: inventory('PreorderPlaced', one),
    delivery: receive(sku, 2),
    cancelled: inventory('PreorderCancelled', one),
  });

  test.each(orders(warehouse('x')).map(([order]) => [order]))('at the warehouse: %s: in the end nothing is held', async (order) => {
    const sku = fresh('SKU');
    const steps = warehouse(sku) as Record<string, () => Promise<Heard[]>>;
    const taken = order.split(', ').map((key) => steps[key] as () => Promise<Heard[]>);
    const again = [steps['placed'], steps['cancelled']] as (() => Promise<Heard[]>)[];
    const heard = await inOrder([...taken, ...again]);
    expect(await stockOf(sku)).toEqual({ available: 2, reserved: 0, sold: 0 });
    const both = order.endsWith('cancelled') ? 1 : 0;
    expect([times(heard, 'StockAllocated'), times(heard, 'AllocationReleased')]).toEqual([both, both]);
  });

  test('gets what comes in, the first one first, and no small wish passes a large one', async () => {
    const sku = fresh('SKU');
    const [first, second, third] = [preorder(sku), { ...preorder(sku), quantity: 1 }, preorder(sku)];
    const allocated = async (...steps: (() => Promise<Heard[]>)[]) =>
      (await inOrder(steps)).filter(({ name }) => name === 'StockAllocated').map(({ data }) => data.preorderId);
    const placed = [second, first, third].map((one) => inventory('PreorderPlaced', one));
    expect(await allocated(...placed, receive(sku, 1))).toEqual([]);
    expect(await allocated(receive(sku, 1))).toEqual([first.preorderId]);
    // What the first one gives back goes to those who wait, and what is left is for everybody.
    expect(await allocated(inventory('PreorderCancelled', first))).toEqual([second.preorderId]);
    expect(await stockOf(sku)).toEqual({ available: 1, reserved: 1, sold: 0 });
    expect(await allocated(inventory('PreorderCancelled', third))).toEqual([]);
  });

  test('that is paid is sold, once', async () => {
    const sku = fresh('SKU');
    const one = preorder(sku);
    await inOrder([
      receive(sku, 3),
      inventory('PreorderPlaced', one),
      inventory('PreorderConfirmed', one),
      inventory('PreorderConfirmed', one),
    ]);
    expect(await stockOf(sku)).toEqual({ available: 1, reserved: 0, sold: 2 });
    await inventory('PreorderCancelled', one)();
    expect(await stockOf(sku)).toEqual({ available: 1, reserved: 0, sold: 2 });
  });

  describe('at payments', () => {
    /** The effect's own two transactions happen only when a charge was sent; they are steps like the others. */
    const money = (orderId: string) => {
      let charge: object | undefined;
      let intended: object | undefined;
      const noting = (step: () => Promise<Heard[]>) => async () => {
        const heard = await step();
        charge ??= heard.find(({ name }) => name === 'send payments.charge')?.data;
        return heard;
      };
      return {
        mandate: noting(() => shop.command('payments', 'mandate', { orderId, amount: 200, cardToken: 'tok_1' })),
        allocated: noting(() => shop.react('payments', 'inventory.StockAllocated', { preorderId: orderId, sku: 'A', quantity: 2 })),
        cancelled: () => shop.react('payments', 'preorders.PreorderCancelled', { preorderId: orderId }),
        intend: async () => {
          if (!charge) return [];
          const refused = await shop.command('payments', 'charge', charge, 'intend').then(
            () => false,
            (error: Error & { data?: { reason: string } }) => error.data?.reason === 'revoked',
          );
          if (!refused) intended = charge;
          return [];
        },
        record: async () => (intended ? shop.command('payments', 'charge', { chargeId: 'ch_1' }, 'record', intended) : []),
      };
    };
    const legal = (order: string) => {
      const keys = order.split(', ');
      const at = (key: string) => keys.indexOf(key);
      return at('intend') > Math.max(at('mandate'), at('allocated')) && at('record') > at('intend');
    };
    const all = orders(money('x')).flatMap(([order]) => (legal(order) ? [[order]] : []));

    test.each(all)('%s: what was charged goes back, and nothing else does', async (order) => {
      const orderId = fresh('pre');
      const steps = money(orderId) as Record<string, () => Promise<Heard[]>>;
      const heard = await inOrder(order.split(', ').map((key) => steps[key] as () => Promise<Heard[]>));
      const captured = times(heard, 'PaymentCaptured');
      expect(times(heard, 'send payments.refund')).toBe(captured);
      // Once the cancellation is known before the charge has begun, nothing is charged at all.
      expect(captured).toBe(order.indexOf('cancelled') > order.indexOf('intend') ? 1 : 0);
      expect(times(heard, 'send payments.charge')).toBeLessThanOrEqual(1);
      expect(await shop.rows('payments', 'select card_token, status from mandates where order_id = ?', orderId)).toEqual([
        { card_token: null, status: 'revoked' },
      ]);
    });

    test.each(permutations(['mandate', 'allocated', 'mandate', 'allocated']).map((order) => [order.join(', '), order] as const))(
      '%s: it is charged once, and the token of the card is forgotten',
      async (_, order) => {
        const orderId = fresh('pre');
        const steps = money(orderId) as Record<string, () => Promise<Heard[]>>;
        const heard = await inOrder(order.map((key) => steps[key] as () => Promise<Heard[]>));
        expect(heard).toEqual([{ name: 'send payments.charge', data: { orderId, amount: 200, cardToken: 'tok_1' } }]);
        expect(await shop.rows('payments', 'select card_token, status from mandates where order_id = ?', orderId)).toEqual([
          { card_token: null, status: 'used' },
        ]);
      },
    );
  });

  describe('itself', () => {
    const steps = (preorderId: string) => ({
      allocated: () => shop.react('preorders', 'inventory.StockAllocated', { preorderId, sku: 'A', quantity: 2 }),
      captured: () => shop.react('preorders', 'payments.PaymentCaptured', { orderId: preorderId, paymentId: 'pay_1', amount: 200 }),
      declined: () => shop.react('preorders', 'payments.PaymentDeclined', { orderId: preorderId, reason: 'insufficient_funds' }),
      refunded: () => shop.react('preorders', 'payments.PaymentRefunded', { orderId: preorderId, paymentId: 'pay_1', amount: 200 }),
    });
    async function placed(): Promise<string> {
      const preorderId = fresh('pre');
      const columns = 'preorder_id, customer_id, status, sku, name, price, quantity, placed_at, entries';
      await shop.write('preorders', `insert into preorders (${columns}) values (?, 'ada', 'waiting', 'A', 'A', 100, 2, '', 1)`, preorderId);
      return preorderId;
    }
    type Step = keyof ReturnType<typeof steps>;
    const cases: [Step[], string][] = [
      ...permutations<Step>(['allocated', 'captured']).map((order): [Step[], string] => [order, 'PreorderConfirmed']),
      ...permutations<Step>(['allocated', 'declined']).map((order): [Step[], string] => [order, 'PreorderCancelled']),
    ];

    test.each(cases.map(([order, end]) => [order.join(', '), order, end] as const))(
      '%s: it ends once, and the same way',
      async (_, order, end) => {
        const preorderId = await placed();
        const tells = steps(preorderId);
        const heard = await inOrder([...order, ...order].map((key) => tells[key]));
        expect(names(heard).filter((name) => name !== 'PreorderProgressed')).toEqual([end]);
        const history = await shop.rows(
          'preorders',
          'select seq, what from preorder_history where preorder_id = ? order by seq',
          preorderId,
        );
        const paid = ['goods set aside', 'payment captured', 'confirmed'];
        expect(history.map(({ what }) => what)).toEqual(
          end === 'PreorderConfirmed' ? paid : ['goods set aside', 'cancelled: card declined: insufficient funds'],
        );
        expect(history.map(({ seq }) => seq)).toEqual(history.map((_one, index) => index + 2));
      },
    );

    test('that is not ours but an order is left alone', async () => {
      const tells = steps('ord_1');
      expect(await inOrder([tells.captured, tells.declined, tells.refunded])).toEqual([]);
    });
  });
});

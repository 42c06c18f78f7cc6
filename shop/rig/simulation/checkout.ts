import { type Caller, DeclaredError, RametError } from 'ramet';
import { invariant, type Simulated, type Simulation } from 'ramet/simulation';
import { Catalog } from '../../app/services/catalog/contract.ts';
import { Inventory } from '../../app/services/inventory/contract.ts';
import { Orders } from '../../app/services/orders/contract.ts';
import { Users } from '../../app/services/users/contract.ts';
import topology from '../../app/topology.ts';
import { type ProviderBooks, paidFor, providerDouble } from './provider-double.ts';

export const STOCK = { 'sim-scarce': 4, 'sim-plenty': 10_000, 'sim-some': 25 } as const;
const PRICE = 1_000;
const CARDS = ['4242424242424242', '4242424242424242', '4242424242424242', '4000000000000002', '4000000000000432', '4000000000000341'];

/** Customers order, cancel and come back while everything goes wrong that may. */
export const checkout: Simulation = {
  topology,
  externals: { 'payment-provider': providerDouble, mail: mailDouble },

  async setup(sim) {
    const products = Object.keys(STOCK).map((sku) => ({ sku, name: sku, price: PRICE, category: 'simulated', description: '', image: '' }));
    await sim.client(Catalog).importProducts({ products }, { key: 'products' });
    const items = Object.entries(STOCK).map(([sku, quantity]) => ({ sku, quantity }));
    await sim.client(Inventory).receive({ items }, { key: 'stock' });
  },

  async scenario(sim) {
    const customers = sim.int('customers', 1, 3);
    await Promise.all(Array.from({ length: customers }, (_, n) => shop(sim, n)));
  },

  invariants: [
    invariant('INV-02 stock is where it was, or sold', 'always', async (sim) => {
      const rows = await sim.rows<{ sku: keyof typeof STOCK; available: number; reserved: number; sold: number }>(
        'inventory',
        'select * from stock',
      );
      return rows
        .filter(({ sku, available, reserved, sold }) => available < 0 || reserved < 0 || available + reserved + sold !== STOCK[sku])
        .map((row) => `${JSON.stringify(row)} of ${STOCK[row.sku]}`);
    }),
    invariant('INV-04/05 every order is whole, or nothing of it is left', 'end', wholeOrNothing),
    invariant('INV-06 a charge is refunded once', 'end', (sim) => {
      const { refunds } = sim.external<ProviderBooks>('payment-provider');
      const twice = refunds.filter(({ chargeId }, n) => refunds.findIndex((each) => each.chargeId === chargeId) !== n);
      return twice.map(({ chargeId }) => `${chargeId} was refunded twice`);
    }),
    invariant('INV-12 each event counts once', 'end', async (sim) => {
      const rows = await sim.rows<{ event_id: string; times: number }>('analytics', 'select event_id, times from effects where times <> 1');
      return rows.map(({ event_id, times }) => `${event_id} took effect ${times} times`);
    }),
  ],
};

async function shop(sim: Simulated, n: number): Promise<void> {
  const who = `customer ${n}`;
  const users = sim.client(Users);
  const email = `c${n}@example.org`;
  const registered = await insisting(sim, () => users.register({ email, password: 'a long password', name: who }, { key: email }));
  if (!registered) return;
  const customer = sim.user(registered.userId, ['orders:read', 'orders:write']);
  const orders = sim.client(Orders, customer);
  const several = sim.int(`${who} orders`, 1, 3);
  for (let i = 0; i < several; i++) {
    const sku = sim.pick(`${who} product`, Object.keys(STOCK));
    const number = sim.pick(`${who} card`, CARDS);
    const lines = [{ sku, quantity: sim.int(`${who} quantity`, 1, 3) }];
    const placed = await insisting(sim, () => order(sim, customer, { lines, card: { number } }, `${email}-${i}`));
    await sim.sleep(sim.int(`${who} thinks`, 1, 2_000));
    if (placed && sim.chance(`${who} changes their mind`) < 0.25) {
      const cancelled = await insisting(sim, () => orders.requestCancel({ orderId: placed.orderId }));
      if (cancelled) sim.sometimes('a customer cancelled in time');
    }
  }
  await sim.sleep(sim.int(`${who} waits`, 100, 8_000));
}

/** Orders at the web gateway, as a browser does. */
async function order(sim: Simulated, as: Caller, body: object, key: string): Promise<{ orderId: string }> {
  const answer = await sim.request('web', { route: 'POST /api/orders', headers: { 'idempotency-key': key }, body, as });
  if (answer.status === 202) return answer.body;
  if (answer.status < 500) throw new Error(`the order was answered ${answer.status} ${JSON.stringify(answer.body)}`);
  throw new RametError('Unavailable', `${answer.status}`);
}

/** As a client who knows what a key is for: asks again, with the same one, until there is an answer. */
export async function insisting<R>(sim: Simulated, ask: () => Promise<R>): Promise<R | undefined> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof DeclaredError) return undefined;
      if (!(error instanceof RametError)) throw error;
      if (!error.retryable) return undefined;
      sim.sometimes(`a client got ${error.code}, executed ${error.executed}`);
    }
    await sim.sleep(500 * 2 ** attempt);
  }
  return undefined;
}

/** A confirmed order is paid, sold and shipped; of a cancelled one nothing is left; and none is open. */
async function wholeOrNothing(sim: Simulated): Promise<string[]> {
  const found: string[] = [];
  const books = sim.external<ProviderBooks>('payment-provider');
  const orders = await sim.rows<{ order_id: string; status: string; total: number }>(
    'orders',
    'select order_id, status, total from orders',
  );
  const shipments = await sim.rows<{ order_id: string; status: string }>('shipping', 'select order_id, status from shipments');
  const held = await sim.rows<{ order_id: string; status: string }>('inventory', 'select order_id, status from reservations');
  for (const { order_id: id, status, total } of orders) {
    if (status === 'pending') found.push(`${id} is still pending`);
    const paid = paidFor(id, books);
    const booked = shipments.some((each) => each.order_id === id && each.status === 'booked');
    const states = held.filter((each) => each.order_id === id).map((each) => each.status);
    if (status === 'confirmed') {
      sim.sometimes('an order was confirmed');
      if (paid !== Number(total)) found.push(`${id} is confirmed, costs ${total}, and ${paid} are paid`);
      if (!booked) found.push(`${id} is confirmed and not shipped`);
      if (states.length === 0 || states.some((state) => state !== 'sold')) found.push(`${id} is confirmed and its goods are ${states}`);
    }
    if (status === 'cancelled') {
      sim.sometimes('an order was cancelled');
      if (books.charges.some(({ reference, reason }) => reference === id && !reason)) sim.sometimes('a payment was given back');
      if (paid !== 0) found.push(`${id} is cancelled and ${paid} are paid`);
      if (booked) found.push(`${id} is cancelled and shipped`);
      if (states.some((state) => state !== 'released')) found.push(`${id} is cancelled and its goods are ${states}`);
    }
  }
  return found;
}

/** The mail server of a simulation: keeps what it takes. */
function mailDouble() {
  const sent: { messageId: string }[] = [];
  return {
    sent,
    async send(mail: { messageId: string }) {
      sent.push(mail);
    },
  };
}

import { invariant, type Simulated, type Simulation } from 'ramet/simulation';
import { Inventory } from '../../app/services/inventory/contract.ts';
import { Orders } from '../../app/services/orders/contract.ts';
import { Preorders } from '../../app/services/preorders/contract.ts';
import { Returns } from '../../app/services/returns/contract.ts';
import { Users } from '../../app/services/users/contract.ts';
import { checkout, insisting, STOCK } from './checkout.ts';
import { type ProviderBooks, paidFor, tokenOf } from './provider-double.ts';

const PAYS = '4242424242424242';
const CARDS = [PAYS, PAYS, '4000000000000002', '4000000000005126'];
/** There are few of this one: a customer who wants more waits for a delivery. */
const SCARCE = 'sim-scarce';
const DELIVERED = 5;

/** What happens by reactions alone: goods that come back, and goods that are waited for. */
export const aftersales: Simulation = {
  ...checkout,

  async scenario(sim) {
    const customers = Array.from({ length: sim.int('customers', 1, 2) }, (_, n) => customer(sim, n));
    await Promise.all([...customers, deliveries(sim)]);
  },

  invariants: [
    invariant('INV-02 stock is where it was, sold, or on its way back', 'end', async (sim) => {
      const rows = await sim.rows<{ sku: keyof typeof STOCK; available: number; reserved: number; sold: number }>(
        'inventory',
        'select * from stock',
      );
      const came = await sim.rows<{ n: number }>(
        'inventory',
        "select count(*) as n from ramet_requests where key like 'delivery %' and answer is not null",
      );
      return rows.flatMap(({ sku, available, reserved, sold }) => {
        const initial = STOCK[sku] + (sku === SCARCE ? DELIVERED * Number(came[0]?.n) : 0);
        if (available + reserved + sold !== initial) return [`${sku}: ${available} + ${reserved} + ${sold} of ${initial}`];
        return reserved === 0 ? [] : [`${sku}: ${reserved} are still held`];
      });
    }),
    invariant('every return has ended, and its money is where it belongs', 'end', returnsEnded),
    invariant('every pre-order is paid, or nothing of it is left', 'end', preordersEnded),
    ...(checkout.invariants ?? []).filter(({ id }) => id.startsWith('INV-12')),
  ],
};

async function customer(sim: Simulated, n: number): Promise<void> {
  const who = `customer ${n}`;
  const email = `a${n}@example.org`;
  const registered = await insisting(sim, () =>
    sim.client(Users).register({ email, password: 'a long password', name: who }, { key: email }),
  );
  if (!registered) return;
  const user = sim.user(registered.userId);
  const preorders = sim.client(Preorders, user);
  const wanted = { sku: SCARCE, quantity: sim.int(`${who} wants`, 1, 6), cardToken: tokenOf(sim.pick(`${who} card`, CARDS)) };
  const preorder = await insisting(sim, () => preorders.place(wanted, { key: `${email} preorder` }));
  await bringBack(sim, who, email, registered.userId);
  if (preorder && sim.chance(`${who} does not wait`) < 0.4) await insisting(sim, () => preorders.cancel(preorder));
  await sim.sleep(sim.int(`${who} waits`, 500, 6_000));
}

/** Orders, and sends something of it back, or everything, or more than was sold. */
async function bringBack(sim: Simulated, who: string, email: string, userId: string): Promise<void> {
  const user = sim.user(userId);
  const cardToken = tokenOf(sim.pick(`${who} card`, CARDS));
  const order = { lines: [{ sku: 'sim-plenty', quantity: 3 }], cardToken };
  const placed = await insisting(sim, () => sim.client(Orders, user).place(order, { key: `${email} order` }));
  if (!placed) return;
  for (let i = 1; i <= 2; i++) {
    await sim.sleep(sim.int(`${who} thinks`, 50, 4_000));
    const some = sim.int(`${who} brings`, 0, 4);
    const back = {
      orderId: placed.orderId,
      reason: sim.chance(`${who} wore it`) < 0.2 ? 'it is worn out' : 'too green',
      ...(some === 0 ? {} : { lines: [{ sku: 'sim-plenty', quantity: some }] }),
    };
    await insisting(sim, () => sim.client(Returns, user).request(back, { key: `${email} return ${i}` }));
  }
}

async function deliveries(sim: Simulated): Promise<void> {
  for (let i = sim.int('deliveries', 0, 2); i > 0; i--) {
    await sim.sleep(sim.int('the lorry comes', 200, 5_000));
    await insisting(sim, () => sim.client(Inventory).receive({ items: [{ sku: SCARCE, quantity: DELIVERED }] }, { key: `delivery ${i}` }));
  }
}

async function returnsEnded(sim: Simulated): Promise<string[]> {
  const found: string[] = [];
  const books = sim.external<ProviderBooks>('payment-provider');
  const returns = await sim.rows<{ return_id: string; order_id: string; stage: string; refund: number | null }>(
    'returns',
    'select * from returns',
  );
  for (const { return_id, stage } of returns) {
    if (stage !== 'completed' && stage !== 'refused') found.push(`${return_id} is ${stage}`);
    sim.sometimes(`a return was ${stage}`);
  }
  const orders = await sim.rows<{ order_id: string; status: string; total: number }>(
    'orders',
    'select order_id, status, total from orders',
  );
  for (const { order_id: id, status, total } of orders) {
    const back = returns
      .filter(({ order_id, stage }) => order_id === id && stage === 'completed')
      .reduce((sum, { refund }) => sum + Number(refund), 0);
    const owed = status === 'confirmed' ? Number(total) - back : 0;
    if (status === 'pending' || paidFor(id, books) !== owed)
      found.push(`${id} is ${status}, ${paidFor(id, books)} are paid, and ${owed} should be`);
  }
  return found;
}

async function preordersEnded(sim: Simulated): Promise<string[]> {
  const books = sim.external<ProviderBooks>('payment-provider');
  const rows = await sim.rows<{ id: string; status: string; total: number }>(
    'preorders',
    'select preorder_id as id, status, price * quantity as total from preorders',
  );
  return rows.flatMap(({ id, status, total }) => {
    sim.sometimes(`a pre-order was ${status}`);
    if (status === 'allocated') return [`${id} is still being paid`];
    const owed = status === 'confirmed' ? Number(total) : 0;
    return paidFor(id, books) === owed ? [] : [`${id} is ${status}, ${paidFor(id, books)} are paid, and ${owed} should be`];
  });
}

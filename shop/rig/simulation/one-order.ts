import { invariant, type Simulation } from 'ramet/simulation';
import { Orders } from '../../app/services/orders/contract.ts';
import { Users } from '../../app/services/users/contract.ts';
import { checkout, insisting } from './checkout.ts';
import { tokenOf } from './provider-double.ts';

/** One customer, one order: what is explored by a kill at every single point. */
const oneOrder = (card: string, sku: string, ends: string): Simulation => ({
  ...checkout,
  invariants: [
    ...(checkout.invariants ?? []),
    invariant(`the order is ${ends}`, 'end', async (sim) => {
      const rows = await sim.rows<{ status: string }>('orders', 'select status from orders');
      return rows.length === 1 && rows[0]?.status === ends ? [] : [`there are ${JSON.stringify(rows)}`];
    }),
  ],
  async scenario(sim) {
    const email = 'one@example.org';
    const registered = await insisting(sim, () =>
      sim.client(Users).register({ email, password: 'a long password', name: 'One' }, { key: email }),
    );
    if (!registered) return;
    const orders = sim.client(Orders, sim.user(registered.userId));
    await insisting(sim, () => orders.place({ lines: [{ sku, quantity: 1 }], cardToken: tokenOf(card) }, { key: 'order' }));
    await sim.sleep('3s');
  },
});

/** An order that succeeds: every point of the way forward. */
export const paidOrder = oneOrder('4242424242424242', 'sim-plenty', 'confirmed');
/** An order that is declined: every point of the way back. */
export const declinedOrder = oneOrder('4000000000000002', 'sim-plenty', 'cancelled');

import { DeclaredError, saga, secret, use } from 'ramet';
import { z } from 'zod';
import { Inventory } from '../inventory/contract.ts';
import { Notifications } from '../notifications/contract.ts';
import { Payments } from '../payments/contract.ts';
import { Shipping } from '../shipping/contract.ts';
import { Address, Orders } from './contract.ts';
import { obstacleOf } from './domain.ts';

/** Takes an order to its end: confirmed with everything done, or cancelled with everything undone. */
export const fulfilOrder = saga('fulfil-order', {
  input: z.object({
    orderId: z.string(),
    customerId: z.string(),
    lines: z.array(z.object({ sku: z.string(), quantity: z.int() })),
    total: z.int(),
    cardToken: secret(z.string()),
    shipTo: Address.optional(),
  }),
  key: 'orderId',
  uses: {
    orders: use(Orders),
    inventory: use(Inventory),
    // An order whose card is slow holds its place for the whole step; the others must not wait behind a few of these.
    payments: use(Payments, { bulkhead: 50 }),
    shipping: use(Shipping),
    notifications: use(Notifications),
  },
  async run({ orderId, customerId, lines, total, cardToken, shipTo }, saga) {
    const { orders, inventory, payments, shipping, notifications } = saga.use;
    // The undo of this step is what settles a cancelled order, and an undo does nothing where its step never took effect:
    // so acceptance, which is local and cannot be refused, is not given up.
    await saga.step('accept', orders.accept({ orderId }), { undo: orders.cancel({ orderId }), deadline: '1d' });
    await inWords(saga.step('reserve stock', inventory.reserve({ orderId, lines }), { undo: inventory.release({ orderId }) }));
    await inWords(
      saga.step('charge card', payments.charge({ orderId, amount: total, cardToken }), {
        undo: payments.refund({ orderId }),
        timeout: '5s',
        deadline: '30s',
      }),
    );
    await inWords(saga.step('book shipment', shipping.book({ orderId, shipTo }), { undo: shipping.cancel({ orderId }) }));
    await saga.pivot('confirm', orders.confirm({ orderId }));
    try {
      const mail = notifications.orderConfirmed({ orderId, customerId, total });
      await saga.step('mail confirmation', mail, { undo: 'nothing', timeout: '20s' });
    } catch (error) {
      // The order stands, whether or not the customer's address takes mail.
      if (!(error instanceof DeclaredError)) throw error;
    }
  },
});

/**
 * The engine gives an error's name and message as the reason: these are the words for a customer. What was declared is the
 * cause: so it is known to be no mistake.
 */
class NotFulfilled extends Error {
  constructor(what: string, detail: string, cause: DeclaredError) {
    super(detail, { cause });
    this.name = what;
  }
}

async function inWords<R>(step: Promise<R>): Promise<R> {
  try {
    return await step;
  } catch (error) {
    if (!(error instanceof DeclaredError)) throw error;
    const obstacle = obstacleOf(error.error, error.data);
    throw obstacle ? new NotFulfilled(obstacle.what, obstacle.detail, error) : error;
  }
}

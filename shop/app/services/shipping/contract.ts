import { command, contract, event, failure, query } from 'ramet';
import { z } from 'zod';

const OrderRef = z.object({ orderId: z.string() });
const Address = z.object({ name: z.string(), street: z.string(), city: z.string(), country: z.string() });

/** Carries an order to the customer. */
export const Shipping = contract('shipping', {
  commands: {
    book: command({
      input: z.object({ orderId: z.string(), shipTo: Address.optional() }),
      output: z.object({ shipmentId: z.string(), trackingNumber: z.string() }),
      errors: { Undeliverable: failure(409, z.object({ country: z.string() })) },
    }),
    cancel: command({ input: OrderRef }),
  },
  queries: {
    get: query({
      input: OrderRef,
      output: z.object({
        orderId: z.string(),
        shipmentId: z.string(),
        trackingNumber: z.string(),
        status: z.enum(['booked', 'cancelled']),
        shipTo: Address,
      }),
      errors: { NotFound: failure(404, OrderRef) },
    }),
  },
  events: {
    ShipmentBooked: event(z.object({ orderId: z.string(), shipmentId: z.string(), trackingNumber: z.string() }), { key: 'orderId' }),
    ShipmentCancelled: event(z.object({ orderId: z.string(), shipmentId: z.string() }), { key: 'orderId' }),
  },
});

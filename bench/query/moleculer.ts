import { ServiceBroker } from 'moleculer';
import { perCall } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { ASKED, priceOf } from './price.ts';

const start: Start = async ({ forMs, variant }) => {
  const checked = variant !== undefined;
  const observed = variant === 'observed';
  const broker = new ServiceBroker({
    logger: false,
    validator: checked,
    requestTimeout: checked ? 5_000 : 0,
    tracing: observed ? { enabled: true, exporter: null } : false,
    metrics: observed ? { enabled: true } : false,
  } as never);
  broker.createService({
    name: 'shelf',
    actions: {
      price: {
        params: { sku: { type: 'string', min: 1 }, quantity: { type: 'number', integer: true, min: 1, max: 99 } },
        handler: async (context: { params: typeof ASKED }) => priceOf(context.params),
      },
    },
  } as never);
  await broker.start();
  const call = () => broker.call('shelf.price', ASKED);
  return { round: () => perCall(call, forMs), close: () => broker.stop() };
};
export default start;

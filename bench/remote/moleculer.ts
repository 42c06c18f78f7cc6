import { ServiceBroker } from 'moleculer';
import type { Start } from '../core/row.ts';
import { ASKED, answering, calling } from './serve.ts';

const start: Start = async ({ forMs }) => {
  const server = await answering(new URL('./moleculer-answers.ts', import.meta.url));
  const broker = new ServiceBroker({
    nodeID: 'calls',
    logger: false,
    requestTimeout: 5_000,
    transporter: { type: 'TCP', options: { udpDiscovery: false, urls: [`127.0.0.1:${server.port}/answers`] } },
  } as never);
  await broker.start();
  await broker.waitForServices('shelf', 10_000);
  const call = () => broker.call('shelf.price', ASKED);
  return calling(call, forMs, async () => {
    await broker.stop();
    await server.stop();
  });
};
export default start;

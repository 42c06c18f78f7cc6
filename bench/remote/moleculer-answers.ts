import { type AddressInfo, createServer } from 'node:net';
import { ServiceBroker } from 'moleculer';
import { type ASKED, answersAt, answerTo } from './serve.ts';

/** Moleculer must be given its port. */
const port = await new Promise<number>((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    server.close(() => resolve(port));
  });
});
const broker = new ServiceBroker({
  nodeID: 'answers',
  logger: false,
  validator: false,
  transporter: { type: 'TCP', options: { udpDiscovery: false, port } },
} as never);
broker.createService({
  name: 'shelf',
  actions: { price: { handler: async (context: { params: typeof ASKED }) => answerTo(context.params) } },
} as never);
await broker.start();
answersAt(port);

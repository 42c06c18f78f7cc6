/** An effect acts on a system outside. When its answer is lost, it looks up what happened instead of acting again. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { command, contract, effect, external, service } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import { start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { z } from 'zod';

/** The bank: it pays, and drops the connection of the first payment before it answers. */
const paid = new Map<string, number>();
const bank = createServer(async (request, response) => {
  const key = request.url?.slice(1) ?? '';
  if (request.method === 'GET') return response.writeHead(paid.has(key) ? 200 : 404).end();
  let body = '';
  for await (const part of request) body += part;
  paid.set(key, (paid.get(key) ?? 0) + Number(body));
  console.log(`the bank pays ${body} and loses its answer`);
  request.socket.destroy();
}).listen(0, '127.0.0.1');
await new Promise((resolve) => bank.once('listening', resolve));
const url = `http://127.0.0.1:${(bank.address() as AddressInfo).port}`;

const Payment = z.object({ amount: z.int() });
const Payments = contract('payments', { commands: { pay: command({ input: Payment }) } });
const payments = service(Payments, { uses: { bank: external('bank', { url, timeout: '2s' }) } }).implement({
  commands: {
    pay: effect({
      request: Payment,
      outcome: z.object({}),
      intend: (input) => input, // the first transaction stores the request
      async perform({ amount }, { use, key }) {
        const answer = await use.bank.fetch(`/${key}`, { method: 'PUT', body: String(amount) });
        if (answer.status !== 200) throw new Error(`the bank answered ${answer.status}`);
        return {};
      },
      async lookup(_request, { use, key }) {
        const answer = await use.bank.fetch(`/${key}`);
        console.log(`looked up at the bank: ${answer.status === 200 ? 'paid' : 'unknown'}`);
        return answer.status === 200 ? {} : undefined;
      },
      quiet: '1s', // a payment that is under way arrives within this time
      record: () => console.log('recorded as paid'), // the second transaction
    }),
  },
});

const runtime = await start(
  topology({ services: { payments }, profiles: { monolith: { store: sqlite(process.env.DATA_DIR ?? '.data'), bus: embedded() } } }),
  { logLevel: 'error' },
);
await runtime.client(Payments).pay({ amount: 42 }, { key: 'payment-1' });
console.log(`the books of the bank: ${[...paid.values()]}`);
await runtime.stop();
bank.close();

import { createServer } from 'node:http2';
import { type Context, createEndpointHandler, service } from '@restatedev/restate-sdk';
import { Agent } from 'undici';
import { closedLoop, percentiles } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { freePort, startRestate } from './restate-server.ts';

const trips = service({
  name: 'trips',
  handlers: {
    async run(context: Context, { id }: { id: string }) {
      for (const step of [1, 2, 3]) await context.run(`step ${step}`, () => ({ id, step }));
      return { id };
    },
  },
});

const start: Start = async ({ folder, forMs }) => {
  const port = await freePort();
  const endpoint = createServer(createEndpointHandler({ services: [trips], logger: () => {} }));
  await new Promise<void>((resolve) => endpoint.listen(port, '127.0.0.1', resolve));
  const server = await startRestate(folder);
  const registered = await fetch(`${server.admin}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri: `http://127.0.0.1:${port}` }),
  });
  if (!registered.ok) throw new Error(`the service could not be registered: ${await registered.text()}`);
  const agent = new Agent({ connections: 50, pipelining: 1 });
  let ids = 0;
  const work = async () => {
    const answer = await agent.request({
      origin: server.ingress,
      path: '/trips/run',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: `trip-${ids++}` }),
    });
    const text = await answer.body.text();
    if (answer.statusCode !== 200) throw new Error(`a trip was answered ${answer.statusCode} ${text}`);
  };
  return {
    async round() {
      const together = await closedLoop(work, 50, forMs * 2);
      const alone = await closedLoop(work, 1, forMs);
      return { '50 at once': together.perSecond, 'alone, throughput': alone.perSecond, ...percentiles(alone.tookMs, 'alone, ') };
    },
    async close() {
      await agent.close();
      await server.stop();
      endpoint.close();
    },
  };
};
export default start;

import jwt from '@fastify/jwt';
import rateLimit from '@fastify/rate-limit';
import fastify from 'fastify';
import { ORDER } from '../command/orders.ts';
import type { Start } from '../core/row.ts';
import { loaded } from './measure.ts';
import { ordersByHand } from './orders-by-hand.ts';
import { AUDIENCE, ISSUER, issueTokens } from './tokens.ts';

const BODY = {
  type: 'object',
  required: ['lines'],
  properties: {
    lines: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['sku', 'quantity'],
        properties: { sku: { type: 'string' }, quantity: { type: 'integer', minimum: 1, maximum: 99 } },
      },
    },
  },
};
const ANSWER = { 202: { type: 'object', properties: { orderId: { type: 'string' } } } };

const start: Start = async ({ folder, forMs, variant }) => {
  const { pem, tokens } = await issueTokens();
  const app = fastify();
  const store = ordersByHand(folder);
  if (variant === 'echo') {
    app.post('/orders', (_request, reply) => reply.code(202).send({ orderId: 'ord_0' }));
  } else {
    await app.register(jwt, {
      secret: { public: pem },
      verify: { algorithms: ['ES256'], allowedIss: ISSUER, allowedAud: AUDIENCE, cache: 1_000 },
    } as never);
    await app.register(rateLimit, {
      max: 100_000_000,
      timeWindow: '15 minutes',
      hook: 'preHandler',
      keyGenerator: (request) => (request.user as { sub: string }).sub,
    });
    app.post<{ Body: typeof ORDER }>(
      '/orders',
      { schema: { body: BODY, response: ANSWER }, onRequest: async (request) => void (await request.jwtVerify()) },
      async (request, reply) => {
        const { sub, scope } = request.user as { sub: string; scope: string };
        const key = request.headers['idempotency-key'];
        if (!scope.split(' ').includes('orders:write')) return reply.code(403).send();
        if (typeof key !== 'string') return reply.code(400).send();
        return reply.code(202).send({ orderId: store.place(sub, key, request.body.lines) });
      },
    );
  }
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as { port: number };
  return loaded({ port, path: '/orders', tokens, body: JSON.stringify(ORDER), status: 202 }, forMs, async () => {
    await app.close();
    store.close();
  });
};
export default start;

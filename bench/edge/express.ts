import type { Server } from 'node:http';
import express from 'express';
import { rateLimit } from 'express-rate-limit';
import jsonwebtoken from 'jsonwebtoken';
import { z } from 'zod';
import { ORDER } from '../command/orders.ts';
import type { Start } from '../core/row.ts';
import { loaded } from './measure.ts';
import { ordersByHand } from './orders-by-hand.ts';
import { AUDIENCE, ISSUER, issueTokens } from './tokens.ts';

const Body = z.object({ lines: z.array(z.object({ sku: z.string(), quantity: z.int().min(1).max(99) })).min(1) });

const start: Start = async ({ folder, forMs }) => {
  const { pem, tokens } = await issueTokens();
  const store = ordersByHand(folder);
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(express.json());
  app.use((request, response, next) => {
    try {
      const token = request.headers.authorization?.slice('Bearer '.length) ?? '';
      response.locals['user'] = jsonwebtoken.verify(token, pem, { algorithms: ['ES256'], issuer: ISSUER, audience: AUDIENCE });
      next();
    } catch {
      response.status(401).end();
    }
  });
  app.use(
    rateLimit({
      windowMs: 900_000,
      limit: 100_000_000,
      keyGenerator: (_request, response) => (response.locals['user'] as { sub: string }).sub,
    }),
  );
  app.post('/orders', (request, response) => {
    const { sub, scope } = response.locals['user'] as { sub: string; scope: string };
    const body = Body.safeParse(request.body);
    const key = request.headers['idempotency-key'];
    if (!scope.split(' ').includes('orders:write')) return void response.status(403).end();
    if (!body.success || typeof key !== 'string') return void response.status(400).end();
    response.status(202).json({ orderId: store.place(sub, key, body.data.lines) });
  });
  const server = await new Promise<Server>((resolve) => {
    const listening = app.listen(0, '127.0.0.1', () => resolve(listening));
  });
  const { port } = server.address() as { port: number };
  return loaded({ port, path: '/orders', tokens, body: JSON.stringify(ORDER), status: 202 }, forMs, async () => {
    server.closeAllConnections();
    server.close();
    store.close();
  });
};
export default start;

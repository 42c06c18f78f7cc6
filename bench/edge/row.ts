import type { Row } from '../core/row.ts';

const here = (name: string) => new URL(name, import.meta.url);

export default {
  id: '1.7',
  title: 'An order over HTTP to 202: token, rate limit, validation, idempotency, durable command; 50 connections',
  commits: true,
  figures: {
    accepted: { unit: '/s', better: 'higher' },
    refused: { unit: '%', better: 'lower' },
    'CPU each': { unit: 'µs', better: 'lower' },
    'p50 at 60 %': { unit: 'ms', better: 'lower' },
    'p99 at 60 %': { unit: 'ms', better: 'lower' },
    'p99.9 at 60 %': { unit: 'ms', better: 'lower' },
  },
  contenders: [
    { name: 'Fastify echo', role: 'limit', module: here('./fastify.ts'), variant: 'echo' },
    { name: 'Ramet', role: 'ours', module: here('./ramet.ts') },
    { name: 'Fastify', role: 'peer', module: here('./fastify.ts') },
    { name: 'Express', role: 'peer', module: here('./express.ts') },
    { name: 'the shop', role: 'ours', module: here('./shop.ts') },
  ],
  targets: [
    { figure: 'accepted', bound: 2_500 },
    { figure: 'accepted', to: 'Express', bound: 1 },
    { figure: 'accepted', to: 'Express', bound: 2, flush: 'slow' },
  ],
  notes: [
    'Ramet, Fastify and Express verify an ES256 token, limit by its subject, validate the body, look the idempotency key up, and write request, order and event in one durable SQLite transaction. The peers do so by hand (node:sqlite, one commit for each request).',
    'Fastify: @fastify/jwt with its cache, @fastify/rate-limit. Express: jsonwebtoken, express-rate-limit, zod.',
    'The shop: the same over its own gateway. The card is exchanged over HTTP at the payment provider (another process), two services answer for prices and customer, and every order is fulfilled by its saga of six steps on the same two cores.',
    'Load comes from another process: first 50 connections as fast as they can, then 60 % of that at a constant rate, timed from when each request was due (open model).',
  ],
} satisfies Row;

import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, query } from '../contract/index.ts';
import { compose, expose, gateway } from '../gateway/index.ts';
import { external, use } from '../rpc/index.ts';
import { saga } from '../saga/index.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { declaredGraph } from './graph.ts';
import { topology } from './topology.ts';

const Stock = contract('stock', { commands: { take: command({ input: z.object({ id: z.string() }) }) } });
const Users = contract('users', { queries: { keys: query({ input: z.object({}), output: z.object({}), http: 'GET /keys' }) } });
const Orders = contract('orders', { queries: { get: query({ input: z.object({}), output: z.object({}), http: 'GET /orders' }) } });

const fulfil = saga('fulfil', {
  input: z.object({ id: z.string() }),
  key: 'id',
  uses: { stock: use(Stock) },
  run: async ({ id }, { step, use: { stock } }) => void (await step('take', stock.take({ id }), { undo: 'nothing' })),
});

test('the graph names what each service, its sagas and each gateway declare, and nothing else', async () => {
  const graph = await declaredGraph(
    topology({
      services: {
        stock: service(Stock, { store: sql<{}>({ migrations: {} }) }).implement({ commands: { take: async () => undefined } }),
        users: service(Users, { store: sql<{}>({ migrations: {} }) }).implement({ queries: { keys: async () => ({}) } }),
        orders: service(Orders, {
          store: sql<{}>({ migrations: {} }),
          uses: { users: use(Users), bank: external('bank', { url: 'http://127.0.0.1:1' }) },
        }).implement({
          queries: { get: async () => ({}) },
          sagas: [fulfil],
        }),
      },
      gateways: {
        web: gateway('web', {
          authenticate: { issuer: 'i', audience: 'a', keys: Users.queries.keys },
          routes: [
            expose(Orders, { operations: { get: { access: 'public' } } }),
            compose('GET /stock', { access: 'public', uses: { stock: use(Stock) }, output: z.object({}), run: async () => ({}) }),
          ],
        }),
      },
      profiles: { monolith: { store: sqlite('/nowhere'), bus: embedded() } },
    }),
  );
  expect(graph).toEqual({ orders: ['orders', 'stock', 'users'], stock: ['stock'], users: ['users'], web: ['orders', 'stock', 'users'] });
});

import { expect, test } from 'vitest';
import { z } from 'zod';
import { contract, query } from '../contract/index.ts';
import { MemoryServer } from '../discovery/memory.fixture.ts';
import { expose, gateway } from '../gateway/index.ts';
import type { TransportFactory } from '../rpc/index.ts';
import { MemoryNetwork } from '../rpc/memory.fixture.ts';
import { mux } from '../rpc/mux/index.ts';
import { service, sql } from '../service/index.ts';
import { startSeveral } from './fixtures/several.fixture.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';

const Stock = contract('stock', { queries: { count: query({ input: z.object({}), output: z.number(), http: 'GET /count' }) } });

async function counted(network: MemoryNetwork, transports: readonly TransportFactory[]) {
  using folder = temporaryFolder();
  const stock = service(Stock, { store: sql<{}>({ migrations: {} }) }).implement({ queries: { count: async () => 42 } });
  await using several = await startSeveral(
    folder.path,
    {
      services: { stock },
      gateways: { edge: gateway('edge', { routes: [expose(Stock, { operations: { count: { access: 'public' } } })] }) },
    },
    () => ({}),
    { transports, discovery: new MemoryServer().factory },
  );
  const answer = await fetch(`http://127.0.0.1:${several.runtimes.get('edge')?.ports['edge']}/count`);
  return {
    answer: await answer.json(),
    overMemory: network.connections > 0,
    ports: several.runtimes.get('stock')?.rpcPorts ?? {},
    first: several.runtimes.get('stock')?.rpcPort,
  };
}

test('a process serves by every transport of its profile, and is called by the first of them', async () => {
  const network = new MemoryNetwork();
  const byMux = await counted(network, [mux(), network.transport()]);
  expect(byMux).toMatchObject({ answer: 42, overMemory: false, first: byMux.ports['mux'] });
  const byMemory = await counted(network, [network.transport(), mux()]);
  expect(byMemory).toMatchObject({ answer: 42, overMemory: true, first: byMemory.ports['memory'] });
  for (const { ports } of [byMux, byMemory]) {
    expect(Object.keys(ports).sort()).toEqual(['memory', 'mux']);
    for (const port of Object.values(ports)) expect(port).toBeGreaterThan(0);
  }
});

test('a port for a transport that the profile does not have is refused before anything starts', async () => {
  using folder = temporaryFolder();
  const stock = service(Stock, { store: sql<{}>({ migrations: {} }) }).implement({ queries: { count: async () => 42 } });
  await expect(
    startSeveral(folder.path, { services: { stock }, gateways: { edge: gateway('edge', { routes: [] }) } }, () => ({
      rpcPort: { mux: 0, http: 8080 },
    })),
  ).rejects.toThrow("'rpcPort' names 'http'");
});

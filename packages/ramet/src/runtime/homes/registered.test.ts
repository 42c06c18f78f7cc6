import { expect, test } from 'vitest';
import { z } from 'zod';
import { contract, query } from '../../contract/index.ts';
import { MemoryServer } from '../../discovery/memory.fixture.ts';
import { gateway } from '../../gateway/index.ts';
import { service, sql } from '../../service/index.ts';
import { startSeveral } from '../fixtures/several.fixture.ts';
import { eventually, temporaryFolder } from '../fixtures/start.fixture.ts';

/* What a registry knows of a service that stops and starts alone. */

const Stock = contract('stock', { queries: { count: query({ input: z.object({}), output: z.number() }) } });
const stock = service(Stock, { store: sql<{}>({ migrations: {} }) }).implement({ queries: { count: async () => 42 } });

async function startStock(folder: string) {
  const server = new MemoryServer();
  const parts = { services: { stock }, gateways: { edge: gateway('edge', { routes: [] }) } };
  const several = await startSeveral(folder, parts, () => ({}), { discovery: server.factory });
  const runtime = several.runtimes.get('stock');
  const home = runtime?.homes.get('stock');
  if (!runtime || !home) throw new Error('stock is not hosted');
  const known = () => server.read('stock').instances.length;
  return { server, runtime, home, known, [Symbol.asyncDispose]: () => several[Symbol.asyncDispose]() };
}

test('a service is known once while it runs or is quiesced, and not at all while it is stopped', async () => {
  using folder = temporaryFolder();
  await using place = await startStock(folder.path);
  const { home, known } = place;
  expect(known()).toBe(1);
  for (let round = 1; round <= 2; round++) {
    await home.quiesce();
    expect(known()).toBe(1);
    await home.start();
    expect(known()).toBe(1);
  }
  await home.stop();
  expect(known()).toBe(0);
  await home.start();
  expect(known()).toBe(1);
});

test('a process that stops while the start of a service waits for the registry ends that start, and leaves nothing known', async () => {
  using folder = temporaryFolder();
  await using place = await startStock(folder.path);
  const { server, runtime, home, known } = place;
  await home.stop();
  server.fall();
  const starting = home.start().then(
    () => 'started',
    (error: unknown) => error,
  );
  // It works already, and is not known to others.
  await eventually(() => home.state === 'running');
  await runtime.stop();
  expect(home.state).toBe('stopped');
  server.down = false;
  expect(await starting).toMatchObject({ code: 'BootFailed' });
  expect(known()).toBe(0);
});

import { expect, test } from 'vitest';
import { operatorsOf } from '../../admin/index.ts';
import type { DiscoveryFactory } from '../../discovery/index.ts';
import { gateway } from '../../gateway/index.ts';
import { startSeveral } from '../fixtures/several.fixture.ts';
import { eventually, temporaryFolder } from '../fixtures/start.fixture.ts';
import { newWorld, travel } from '../fixtures/travel.fixture.ts';

/* What other processes see of a service that its process stops and starts. */

/** Wraps a discovery so that it writes down what it registers and takes back. */
const noting = (discovery: DiscoveryFactory, notes: string[]): DiscoveryFactory => ({
  ...discovery,
  create(environment) {
    const inner = discovery.create(environment);
    return {
      ...inner,
      capabilities: inner.capabilities,
      register: async (registrations) => {
        for (const { service } of registrations) notes.push(`+${service}`);
        await inner.register(registrations);
      },
      withdraw: async (services) => {
        notes.push(`-${services?.join() ?? 'all'}`);
        await inner.withdraw(services);
      },
    };
  },
});

test('callers in other processes get Unavailable, executed no, while it is stopped, and are answered again after its start', async () => {
  using folder = temporaryFolder();
  const notes: string[] = [];
  const parts = { services: travel(newWorld()), gateways: { edge: gateway('edge', { routes: [] }) } };
  await using several = await startSeveral(folder.path, parts, undefined, { around: (discovery) => noting(discovery, notes) });
  const booked = () => several.callAs('trips', 'trips', { service: 'hotels', operation: 'booked' }, {});
  const request = { params: {}, query: {}, body: {} };
  const operators = () => several.callAs('edge', 'admin', { service: operatorsOf('hotels'), operation: 'GET /sagas' }, request);
  const home = several.runtimes.get('hotels')?.homes.get('hotels');
  expect(notes.filter((note) => note.endsWith('hotels'))).toEqual(['+hotels']);
  for (let round = 1; round <= 3; round++) {
    await home?.stop();
    expect(await booked()).toMatchObject({ ok: false, code: 'Unavailable', executed: 'no' });
    expect(await operators()).toMatchObject({ ok: false, code: 'Unavailable', executed: 'no' });
    await home?.start();
    await eventually(booked, ({ ok }) => ok);
    expect(await operators()).toMatchObject({ ok: true });
  }
  expect(notes.filter((note) => note.endsWith('hotels'))).toEqual(['+hotels', ...Array(3).fill(['-hotels', '+hotels']).flat()]);
});

import { expect, test } from 'vitest';
import { embedded } from '../bus/embedded/index.ts';
import type { BusFactory } from '../bus/index.ts';
import { contract } from '../contract/index.ts';
import type { DiscoveryFactory } from '../discovery/index.ts';
import { gateway } from '../gateway/index.ts';
import type { TransportFactory } from '../rpc/index.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { planOf } from './process-plan.ts';
import { type Profile, topology } from './topology.ts';

const store = sqlite('/nowhere');
const bus = embedded();
const remoteBus: BusFactory = { ...bus, capabilities: { ...bus.capabilities, name: 'remote', remote: true } };
const transports = [{ capabilities: { name: 'none', remote: true, streams: true } } as TransportFactory];
const discovery = { capabilities: { name: 'none', registers: false, checks: false, pushes: false } } as DiscoveryFactory;
const several: Profile = { store, bus: remoteBus, transports, discovery, processes: { one: ['orders', 'web'], two: ['stock'] } };

const shop = (profile: Profile | (() => Promise<Profile>)) => {
  const some = (name: string) => service(contract(name, {}), { store: sql<{}>({ migrations: {} }) }).implement({});
  return topology({
    services: { orders: some('orders'), stock: some('stock') },
    gateways: { web: gateway('web', { routes: [] }) },
    profiles: { it: profile },
  });
};
const problemsOf = async (profile: Profile, options: Parameters<typeof planOf>[1] = {}): Promise<string> =>
  planOf(shop(profile), options).then(
    () => '',
    (error: Error) => error.message,
  );

test('a profile without processes is one process that hosts everything', async () => {
  expect(await planOf(shop({ store, bus }), {})).toMatchObject({ hosts: undefined, process: undefined });
  expect(await problemsOf({ store, bus }, { process: 'one' })).toContain("'process' is 'one', but profile 'it' is one process");
});

test('a process hosts what the profile gives it, and a profile may be made when it is chosen', async () => {
  const plan = await planOf(
    shop(async () => several),
    { process: 'one' },
  );
  expect(plan.process).toBe('one');
  expect([...(plan.hosts ?? [])]).toEqual(['orders', 'web']);
});

test('which process this is has to be said, and has to exist', async () => {
  expect(await problemsOf(several)).toContain('say which one this is: one, two');
  expect(await problemsOf(several, { process: 'three' })).toContain("has no process 'three'; it has one, two");
  expect(await problemsOf(several, { profile: 'other', process: 'one' })).toContain("profile 'other' is not in the topology; it has it");
});

test('two transports of one name are refused', async () => {
  const twice = { ...several, transports: [...(several.transports ?? []), ...(several.transports ?? [])] };
  expect(await problemsOf(twice, { process: 'one' })).toContain("names the transport 'none' twice");
});

test('every mistake of a profile is reported at once', async () => {
  const { transports: _transports, ...without } = several;
  const told = await problemsOf(
    { ...without, bus, admin: 'moon', processes: { one: ['orders', 'ordrs'], two: ['orders', 'web'] } },
    { process: 'one' },
  );
  for (const problem of [
    "process 'one' hosts 'ordrs', which the topology does not have",
    "'orders' is in the processes 'one' and 'two'",
    "no process hosts 'stock'",
    "name the 'transports' between them",
    "'admin' is 'moon', which is none of its processes",
  ])
    expect(told).toContain(problem);
});

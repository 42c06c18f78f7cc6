import { describe, expect, test } from 'vitest';
import type { Endpoint, Instance } from '../discovery/index.ts';
import { realPlatform } from '../platform/index.ts';
import { PAYLOAD_BYTES } from './call.ts';
import { transportConformance } from './conformance.ts';
import type { RemoteHarness } from './fixture.conformance.ts';
import { type Dispatcher, NEVER, type TransportFactory, type Transports } from './index.ts';
import { MEMORY, MemoryNetwork } from './memory.fixture.ts';
import { mux } from './mux/index.ts';
import { answering, META, plainIdentities } from './mux/mux.fixture.ts';
import { Transports as RpcTransports } from './transports.ts';

const environment = { identities: plainIdentities, onError: () => {} };
const endpointsOf = (served: readonly Endpoint[]): readonly Endpoint[] =>
  served.map(({ protocol, host, port }) => ({ protocol, host, port }));

/** Each of `hosted` in a process that serves by `serving(i)`, and one more that calls by `calling`. */
function connectOver(
  network: MemoryNetwork,
  serving: (index: number) => readonly TransportFactory[],
  calling: readonly TransportFactory[],
): RemoteHarness['connect'] {
  return async (hosted, platform) => {
    const instances: Instance[] = [];
    const opened: Transports[] = [];
    const servers: Awaited<ReturnType<Transports['listen']>>[] = [];
    for (const [index, dispatchers] of hosted.entries()) {
      const transports = new RpcTransports(serving(index), { platform, ...environment, instances: () => [], process: `answers ${index}` });
      opened.push(transports);
      const server = await transports.listen(dispatchers, '127.0.0.1', () => 0);
      servers.push(server);
      instances.push({ id: `instance-${index}`, endpoints: endpointsOf(server.served) });
    }
    const services = new Set(hosted.flatMap((dispatchers) => [...dispatchers.keys()]));
    const none: readonly Instance[] = [];
    const caller = new RpcTransports(calling, {
      platform,
      ...environment,
      instances: (service) => (services.has(service) ? instances : none),
      process: 'calls',
    });
    return {
      transport: caller.from('tests'),
      servers: servers.map((server) => ({
        port: server.served[0]?.port ?? 0,
        get inFlight() {
          return server.inFlight;
        },
        drain: () => server.drain(),
        close: () => server.close(),
      })),
      cut: () => network.cut(),
      async close() {
        await caller.close();
        for (const server of servers) await server.close();
        for (const transports of opened) await transports.close();
      },
    };
  };
}

const harnessOf = (connect: RemoteHarness['connect'], capabilities = MEMORY) => ({
  capabilities,
  platform: realPlatform(),
  connect: (dispatchers: ReadonlyMap<string, Dispatcher>, platform: Parameters<typeof connect>[1]) => connect([dispatchers], platform),
  remote: { payloadBytes: PAYLOAD_BYTES, connect },
});

const alone = new MemoryNetwork();
transportConformance('a transport in memory', harnessOf(connectOver(alone, () => [alone.transport()], [alone.transport()])));

// The first process and each second one after it serve by memory, the others by mux: calls to one service take both.
const both = new MemoryNetwork();
const byTurns = (index: number) => (index % 2 === 0 ? [both.transport()] : [mux()]);
transportConformance('two transports of one process', harnessOf(connectOver(both, byTurns, [mux(), both.transport()])));

describe('a process with two transports', () => {
  async function reached(
    calling: (network: MemoryNetwork) => readonly TransportFactory[],
    serving: (network: MemoryNetwork) => readonly TransportFactory[],
  ) {
    const network = new MemoryNetwork();
    const connect = connectOver(network, () => serving(network), calling(network));
    const { transport, servers, close } = await connect([new Map([['stock', answering(() => 'here')]])], realPlatform());
    const reply = await transport.call({ service: 'stock', operation: 'look' }, {}, META, NEVER);
    const keys = transport.instances?.('stock');
    await close();
    return { reply, keys, servers };
  }

  test('is called by the first transport of the list of its caller, and counts as one instance', async () => {
    const memoryFirst = (network: MemoryNetwork) => [network.transport(), mux()];
    const muxFirst = (network: MemoryNetwork) => [mux(), network.transport()];
    for (const [calling, serving] of [
      [memoryFirst, muxFirst],
      [muxFirst, memoryFirst],
      [() => [mux()], memoryFirst],
      [(network: MemoryNetwork) => [network.transport()], muxFirst],
    ] as const) {
      const { reply, keys } = await reached(calling, serving);
      expect(reply).toEqual({ ok: true, value: 'here' });
      expect(keys).toEqual(['instance-0']);
    }
  });

  test('is called by the transport that the caller prefers, whatever the order of its endpoints', async () => {
    const network = new MemoryNetwork();
    const seen: string[] = [];
    const watched = (factory: TransportFactory): TransportFactory => ({
      ...factory,
      create: (given) => {
        const remote = factory.create(given);
        return {
          ...remote,
          from: (from) => {
            const transport = remote.from(from);
            return {
              capabilities: transport.capabilities,
              instances: (service) => transport.instances?.(service) ?? [],
              stream: (...args) => transport.stream(...args),
              call: (...args) => {
                seen.push(factory.capabilities.name);
                return transport.call(...args);
              },
            };
          },
        };
      },
    });
    for (const order of [
      [mux(), network.transport()],
      [network.transport(), mux()],
    ]) {
      const connect = connectOver(network, () => [network.transport(), mux()], order.map(watched));
      const { transport, close } = await connect([new Map([['stock', answering(() => 'here')]])], realPlatform());
      await transport.call({ service: 'stock', operation: 'look', instance: 'instance-0' }, {}, META, NEVER);
      await transport.call({ service: 'stock', operation: 'look' }, {}, META, NEVER);
      await close();
    }
    expect(seen).toEqual(['mux', 'mux', 'memory', 'memory']);
  });

  test('says which transport is missing where it and its caller have none in common', async () => {
    const network = new MemoryNetwork();
    const instances: readonly Instance[] = [{ id: 'a', endpoints: [{ protocol: 'grpc', host: '10.0.0.5', port: 4001 }] }];
    const transports = new RpcTransports([mux(), network.transport()], {
      platform: realPlatform(),
      ...environment,
      instances: () => instances,
    });
    expect(() => transports.check('stock')).toThrow("'stock' answers by grpc, and this process calls by mux and memory");
    expect(await transports.from('web').call({ service: 'stock', operation: 'look' }, {}, META, NEVER)).toMatchObject({
      code: 'Unavailable',
      executed: 'no',
    });
    await transports.close();
  });

  test('serves by none of its transports when the port of one is taken', async () => {
    const network = new MemoryNetwork();
    const open = () => new RpcTransports([network.transport(), mux()], { platform: realPlatform(), ...environment, instances: () => [] });
    const [first, second] = [open(), open()];
    const taken = await first.listen(new Map(), '127.0.0.1', () => 0);
    const portOf = (protocol: string) => (protocol === 'mux' ? (taken.served[1]?.port ?? 0) : 7);
    await expect(second.listen(new Map(), '127.0.0.1', portOf)).rejects.toMatchObject({ code: 'EADDRINUSE' });
    // The port that it had taken before is free again.
    await taken.close();
    const served = await second.listen(new Map(), '127.0.0.1', portOf);
    expect(served.served.map(({ protocol }) => protocol)).toEqual(['memory', 'mux']);
    await served.close();
  });
});

import { describe, expect, test } from 'vitest';
import { realPlatform } from '../../platform/index.ts';
import { transportConformance } from '../conformance.ts';
import { RpcFixture } from '../fixture.conformance.ts';
import { DEFAULT_POLICY, type Dispatcher, Edge } from '../index.ts';
import { localTransport } from './index.ts';

const harness = {
  capabilities: localTransport(new Map()).capabilities,
  platform: realPlatform(),
  connect: async (dispatchers: ReadonlyMap<string, Dispatcher>) => ({ transport: localTransport(dispatchers), close: async () => {} }),
};

transportConformance('local', harness);

describe('an edge', () => {
  const broken: Dispatcher = {
    call: () => Promise.reject(new TypeError('a dispatcher that breaks its promise')),
    stream: () => {
      throw new TypeError('at once');
    },
  };

  test('answers with a fault for a dispatcher that rejects', async () => {
    const rpc = new RpcFixture(harness);
    const policy = { ...DEFAULT_POLICY, retries: 0, bulkhead: 1 };
    const edge = new Edge(rpc.platform, localTransport(new Map([['broken', broken]])), 'broken', policy);
    const operation = { kind: 'command', service: 'broken', name: 'do' } as const;
    for (let i = 0; i < 3; i++)
      expect(await edge.call(operation, {}, rpc.origin())).toMatchObject({ kind: 'fault', code: 'Internal', executed: 'unknown' });
    await expect(edge.stream({ ...operation, kind: 'stream' }, {}, rpc.origin()).next()).rejects.toMatchObject({ code: 'Internal' });
    expect(edge.busy).toBe(0);
  });

  test('leaves no listener on the signal of its caller', async () => {
    const rpc = new RpcFixture(harness);
    rpc.host('echo', {
      calls: { say: (input) => input },
      streams: {
        async *twice(input) {
          yield input;
          yield input;
        },
      },
    });
    const edge = await rpc.edge('echo', { bulkhead: 100 });
    const controller = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = controller.signal;
    controller.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(controller.signal, args);
    };
    controller.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(controller.signal, args);
    };
    const origin = { ...rpc.origin(), signal: controller.signal };
    await Promise.all(Array.from({ length: 50 }, (_, i) => edge.call({ kind: 'query', service: 'echo', name: 'say' }, i, origin)));
    for await (const _ of edge.stream({ kind: 'stream', service: 'echo', name: 'twice' }, 1, origin)) break;
    expect(listeners).toBe(0);
  });
});

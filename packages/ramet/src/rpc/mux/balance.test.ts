import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RametError } from '../../errors/index.ts';
import { ANONYMOUS } from '../../security/index.ts';
import { noting } from '../../telemetry/recorder.fixture.ts';
import { type Dispatcher, fault, type Reply } from '../call.ts';
import { Edge } from '../edge.ts';
import type { CallOrigin } from '../origin.ts';
import { Outbound } from '../outbound.ts';
import { type CompiledPolicy, compilePolicy } from '../policies/policy.ts';
import { Site } from './mux.fixture.ts';

const query = { kind: 'query', service: 'stock', name: 'look' } as const;
const origin: CallOrigin = {
  meta: { caller: ANONYMOUS, trace: { correlationId: 'c', traceparent: 't' }, depth: 0 },
  remainingMs: () => Number.POSITIVE_INFINITY,
  signal: undefined,
};

let site: Site;
let log: string[];
let bad: Set<string>;
let calls: Map<string, number>;

beforeEach(() => {
  [site, log, bad, calls] = [new Site(), [], new Set(), new Map()];
});
afterEach(() => site.close());

/** An instance that takes its time, or fails at once when it is bad. */
const instance = (name: string): Dispatcher => ({
  async call() {
    calls.set(name, (calls.get(name) ?? 0) + 1);
    if (bad.has(name)) return fault(new RametError('Internal', 'the disk is full'));
    await site.platform.timers.sleep(2);
    return { ok: true, value: name };
  },
  stream: async function* () {},
});

async function three(policy: Parameters<typeof compilePolicy>[0] = {}): Promise<Edge> {
  for (const name of ['a', 'b', 'c']) await site.serve('stock', instance(name), { id: name });
  const { policy: compiled, problems } = compilePolicy({ bulkhead: 100, retries: 0, ...policy });
  expect(problems).toEqual([]);
  const instrument = noting((note) => note.what === 'circuit' && log.push(`${note.operation}: ${note.from} -> ${note.to}`));
  const outbound = new Outbound(site.platform, 'web', instrument);
  return new Edge(outbound, site.process('web').from('web'), 'stock', compiled as CompiledPolicy);
}

async function load(edge: Edge, times: number, together = 20): Promise<Reply[]> {
  const replies: Reply[] = [];
  let left = times;
  const one = async () => {
    while (left-- > 0) replies.push(await edge.call(query, {}, origin));
  };
  await Promise.all(Array.from({ length: together }, one));
  return replies;
}

describe('of three instances', () => {
  test('a bad one is ejected after five failures, while the circuit of the operation stays closed', async () => {
    const edge = await three();
    bad.add('b');
    const replies = await load(edge, 600, 1);
    expect(replies.filter(({ ok }) => !ok)).toHaveLength(5);
    expect(log).toEqual(['instance b: closed -> open']);
    expect(calls.get('b')).toBe(5);
    // Twenty at once: those that were on their way to it fail as well, and no more.
    const busy = await load(edge, 600);
    expect(busy.every(({ ok }) => ok)).toBe(true);
    expect(calls.get('b')).toBe(5);
  });

  test('a bad one that fails at once draws no crowd, and the circuit of the operation stays closed', async () => {
    const edge = await three();
    bad.add('b');
    const replies = await load(edge, 1_000, 50);
    expect(replies.filter(({ ok }) => !ok).length).toBeLessThan(5 + 50);
    expect(log).toEqual(['instance b: closed -> open']);
  });

  test('one that is gone is ejected too, and its calls reach the others', async () => {
    const edge = await three({ retries: 2 });
    await load(edge, 30);
    await site.servers[1]?.close();
    const replies = await load(edge, 300);
    expect(replies.every(({ ok }) => ok)).toBe(true);
  });

  test('instances that were all bad are called again once they are good', async () => {
    const edge = await three({ breaker: { openFor: '1s' } });
    for (const name of ['a', 'b', 'c']) bad.add(name);
    await load(edge, 200, 4);
    expect(log).toContain('look: closed -> open');
    bad.clear();
    await site.until('a probe went out', () => {
      void edge.call(query, {}, origin);
      return log.includes('look: open -> half-open');
    });
    for (let wholeRounds = 0; wholeRounds < 3; ) {
      const replies = await load(edge, 60);
      wholeRounds = replies.every(({ ok }) => ok) ? wholeRounds + 1 : 0;
      await site.platform.timers.sleep(50);
    }
    calls.clear();
    await load(edge, 300);
    expect([...calls.keys()].sort()).toEqual(['a', 'b', 'c']);
  });

  test('a slow one is called less', async () => {
    const edge = await three();
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await site.servers[2]?.close();
    site.addresses = site.addresses.slice(0, 2);
    await site.serve(
      'stock',
      {
        async call() {
          calls.set('slow', (calls.get('slow') ?? 0) + 1);
          await released;
          return { ok: true, value: 'slow' };
        },
        stream: async function* () {},
      },
      { id: 'slow' },
    );
    const loaded = load(edge, 300, 10);
    await site.until('the others have answered most', () => (calls.get('a') ?? 0) + (calls.get('b') ?? 0) > 250);
    expect(calls.get('slow')).toBeLessThan(10);
    release();
    await loaded;
  });
});

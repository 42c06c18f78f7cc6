import { expect, test } from 'vitest';
import { RametError } from '../errors/index.ts';
import { ANONYMOUS } from '../security/index.ts';
import { type Instrument, NO_SPAN, silentInstrument } from '../telemetry/index.ts';
import { Recorder } from '../telemetry/recorder.fixture.ts';
import { type CallMeta, type CallOrigin, DEFAULT_POLICY, Edge, fault, Outbound, type TransportRoutes } from './index.ts';
import { VirtualTime } from './virtual-time.fixture.ts';

const trace = { correlationId: 'c', traceparent: 't' };
const DOWN = fault(new RametError('Unavailable', 'down', { executed: 'unknown' }));
const originOf = (meta: Partial<CallMeta> = {}, remainingMs = 30_000): CallOrigin => ({
  meta: { caller: ANONYMOUS, trace, depth: 0, ...(meta.depth ? { depth: meta.depth } : {}), ...(meta.noRetry ? { noRetry: true } : {}) },
  remainingMs: () => remainingMs,
  signal: undefined,
});
const query = (service: string) => ({ kind: 'query', service, name: 'get' }) as const;
const stream = () => {
  throw new Error('not expected');
};

/** A chain of services that each ask the next one; the last one fails. */
function chain(time: VirtualTime, names: readonly string[], instrument: Instrument = silentInstrument) {
  const calls = new Map<string, number>();
  const metas: CallMeta[] = [];
  const transport: TransportRoutes = {
    async call({ service }, _, meta) {
      calls.set(service, (calls.get(service) ?? 0) + 1);
      metas.push(meta);
      const next = names[names.indexOf(service) + 1];
      if (next === undefined) return DOWN;
      return (edges.get(next) as Edge).call(query(next), {}, originOf(meta, meta.timeoutMs));
    },
    stream,
  };
  const edges = new Map(
    names.map((name, i) => [
      name,
      new Edge(new Outbound(time.platform, names[i - 1] ?? 'client', instrument), transport, name, {
        ...DEFAULT_POLICY,
        breaker: false,
        bulkhead: 10_000,
      }),
    ]),
  );
  return { first: edges.get(names[0] as string) as Edge, calls, metas };
}

test('only the outermost of three services repeats what fails in the last', async () => {
  const time = new VirtualTime();
  const { first, calls, metas } = chain(time, ['a', 'b', 'c']);
  const reply = first.call(query('a'), {}, originOf());
  await time.pass(5_000);
  expect(await reply).toMatchObject({ code: 'Unavailable' });
  expect(Object.fromEntries(calls)).toEqual({ a: 3, b: 3, c: 3 });
  expect(metas.every(({ noRetry }) => noRetry)).toBe(true);
  expect(metas.filter(({ depth }) => depth === 1).map(({ attempt }) => attempt)).toEqual([undefined, 2, 3]);
});

test('a storm of retries costs the last service a fifth more calls, and a hundred', async () => {
  const time = new VirtualTime();
  let empty = 0;
  const attempts: { edge: string; isRetry: boolean; at: number }[] = [];
  let isRetry = false;
  const { first, calls } = chain(time, ['a', 'b', 'c'], {
    spans: false,
    begin({ kind, labels }) {
      if (kind === 'attempt') attempts.push({ edge: String(labels['edge']), isRetry, at: time.now });
      if (kind === 'attempt') isRetry = false;
      return NO_SPAN;
    },
    note({ what }) {
      if (what === 'budget empty') empty++;
      // A retry is noted just before its attempt begins.
      if (what === 'retry') isRetry = true;
    },
  });
  for (let second = 0; second < 20; second++) {
    const replies = Array.from({ length: 500 }, () => first.call(query('a'), {}, originOf()));
    await time.pass(1_000);
    void replies;
  }
  await time.pass(5_000);
  expect(calls.get('c')).toBeLessThanOrEqual(1.2 * 10_000 + 200);
  expect(calls.get('c')).toBeGreaterThan(11_000);
  expect(empty).toBeGreaterThan(1_000);
  // At every retry, over the ten seconds that end with it.
  const own = attempts.filter(({ edge }) => edge === 'client->a');
  for (const [index, { isRetry, at }] of own.entries()) {
    if (!isRetry) continue;
    const window = own.slice(0, index + 1).filter((other) => other.at > at - 10_000);
    const firsts = window.filter((other) => !other.isRetry).length;
    expect(window.length).toBeLessThanOrEqual(1.2 * firsts + 100);
    if (index > 4_000) break;
  }
});

test('a retry that could not come back in time is not made', async () => {
  const time = new VirtualTime();
  let calls = 0;
  let down = false;
  const transport: TransportRoutes = {
    call: async () => {
      calls++;
      await time.platform.timers.sleep(400);
      return down ? DOWN : { ok: true, value: null };
    },
    stream,
  };
  const edge = new Edge(new Outbound(time.platform, 'web'), transport, 'slow', DEFAULT_POLICY);
  for (let i = 0; i < 5; i++) await Promise.all([edge.call(query('slow'), {}, originOf()), time.pass(400)]);
  [calls, down] = [0, true];
  // 600 ms less 400 for the first attempt leave 200, and most calls need 400.
  await Promise.all([edge.call(query('slow'), {}, originOf({}, 600)), time.pass(1_000)]);
  expect(calls).toBe(1);
  await Promise.all([edge.call(query('slow'), {}, originOf({}, 1_500)), time.pass(2_000)]);
  expect(calls).toBeGreaterThan(2);
});

test('one timer serves the deadlines of all calls, each of which is kept, and is gone when they are', async () => {
  const time = new VirtualTime();
  const transport: TransportRoutes = {
    call: (_, input) => (input === 'never' ? new Promise(() => {}) : Promise.resolve({ ok: true, value: 1 })),
    stream,
  };
  const edge = new Edge(new Outbound(time.platform, 'web'), transport, 'x', {
    ...DEFAULT_POLICY,
    retries: 0,
    breaker: false,
    bulkhead: 1_000,
  });
  for (let i = 0; i < 100; i++) await edge.call(query('x'), {}, originOf());
  expect(time.timers).toBe(1);
  await time.pass(250);
  expect(time.timers).toBe(0);
  const ended: [number, number][] = [];
  const from = time.now;
  const waits = [700, 20, 1_300, 20, 260, 5];
  for (const timeoutMs of waits)
    void edge.call(query('x'), 'never', originOf(), { timeoutMs }).then(() => ended.push([timeoutMs, time.now - from]));
  await time.pass(2_000);
  expect(ended).toEqual(waits.toSorted((a, b) => a - b).map((ms) => [ms, ms]));
  expect(time.timers).toBe(0);
});

test('a call whose timeout is not a duration fails, and leaves no piece of work that never ends', async () => {
  const { platform } = new VirtualTime();
  const recorder = new Recorder(platform);
  const edge = new Edge(new Outbound(platform, 'client', recorder), { call: async () => DOWN, stream }, 'a', DEFAULT_POLICY);
  await expect(edge.call(query('a'), {}, originOf(), { timeout: 'soon' as never })).rejects.toThrow(RangeError);
  expect(recorder.seen.filter(({ ends }) => ends !== 1)).toEqual([]);
});

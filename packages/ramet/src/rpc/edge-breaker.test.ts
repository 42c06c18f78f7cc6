import { beforeEach, describe, expect, test } from 'vitest';
import { DeclaredError, RametError } from '../errors/index.ts';
import { ANONYMOUS } from '../security/index.ts';
import { noting } from '../telemetry/recorder.fixture.ts';
import {
  type CallOrigin,
  Canceller,
  DEFAULT_POLICY,
  declared,
  Edge,
  fault,
  Outbound,
  type Reply,
  type Target,
  type TransportRoutes,
} from './index.ts';
import { VirtualTime } from './virtual-time.fixture.ts';

const OK: Reply = { ok: true, value: 'ok' };
const DOWN = fault(new RametError('Unavailable'));
const query = { kind: 'query', service: 'stock', name: 'left' } as const;
const trace = { correlationId: 'c', traceparent: 't' };

let time: VirtualTime;
let log: string[];
let sent: Target[];
let answer: (target: Target) => Reply | Promise<Reply>;
let instances: string[] | undefined;
let remainingMs: number;
let canceller: Canceller;

beforeEach(() => {
  time = new VirtualTime();
  [log, sent, instances, remainingMs, canceller] = [[], [], undefined, Number.POSITIVE_INFINITY, new Canceller()];
  answer = () => OK;
});

const instrument = noting((note) => {
  if (note.what === 'circuit') log.push(`${note.edge} ${note.operation}: ${note.from} -> ${note.to}`);
  if (note.what === 'probe') log.push(`probe ${note.operation} ${note.inFlight}`);
  if (note.what === 'rejected') log.push(`rejected ${note.operation} ${note.code}`);
});

function edge(policy: Partial<typeof DEFAULT_POLICY> = {}): Edge {
  const transport: TransportRoutes = {
    async call(target) {
      sent.push(target);
      return answer(target);
    },
    stream: (target) => {
      sent.push(target);
      return (async function* () {
        yield await answer(target);
      })();
    },
    ...(instances ? { instances: () => instances as string[] } : {}),
  };
  return new Edge(new Outbound(time.platform, 'shop', instrument), transport, 'stock', { ...DEFAULT_POLICY, retries: 0, ...policy });
}

const origin = (): CallOrigin => ({
  meta: { caller: ANONYMOUS, trace, depth: 0 },
  remainingMs: () => remainingMs,
  signal: undefined,
  cancellation: canceller,
});

async function call(
  stock: Edge,
  times = 1,
  operation: typeof query | { kind: 'query'; service: 'stock'; name: string } = query,
): Promise<Reply> {
  let reply: Reply = OK;
  for (let i = 0; i < times; i++) reply = await stock.call(operation, {}, origin());
  return reply;
}

describe('an edge whose target fails', () => {
  test('that cannot reach a third one is asked again as soon as it can, and not half a minute later', async () => {
    const stock = edge();
    answer = () => DOWN;
    await call(stock, 5);
    answer = () => fault(new RametError('CircuitOpen'));
    await time.pass(5_000);
    expect(await call(stock, 3)).toMatchObject({ code: 'CircuitOpen' });
    answer = () => OK;
    expect(await call(stock, 2)).toBe(OK);
    expect(log.at(-1)).toBe('shop->stock left: half-open -> closed');
  });

  test('is not tried after five failures, and says that nothing was done and when to come again', async () => {
    const stock = edge();
    answer = () => DOWN;
    await call(stock, 5);
    expect(await call(stock, 3)).toMatchObject({ code: 'CircuitOpen', executed: 'no', retryAfterMs: 5_000 });
    expect(sent).toHaveLength(5);
    expect(log).toEqual(['shop->stock left: closed -> open', ...Array(3).fill('rejected left CircuitOpen')]);
    answer = () => OK;
    expect(await call(stock, 1, { kind: 'query', service: 'stock', name: 'other' })).toBe(OK);
    await time.pass(5_000);
    expect(await call(stock, 2)).toBe(OK);
    expect(log.slice(-4)).toEqual([
      'shop->stock left: open -> half-open',
      'probe left 1',
      'probe left 1',
      'shop->stock left: half-open -> closed',
    ]);
  });

  test('keeps its circuit closed however often one or two bad requests are repeated, and opens it for five of them', async () => {
    const stock = edge();
    const command = { ...query, kind: 'command' } as const;
    answer = () => DOWN;
    const step = (key: string) => stock.call(command, {}, origin(), { step: { key, epoch: 1, undo: false } });
    for (let i = 0; i < 30; i++) for (const key of ['bad-1', 'bad-2']) expect(await step(key)).toMatchObject({ code: 'Unavailable' });
    for (let i = 0; i < 30; i++) expect(await stock.call(command, {}, origin(), { key: 'bad-3' })).toMatchObject({ code: 'Unavailable' });
    // The calls of one event or step are repeated as a whole, and identified by their input.
    const within = { ...origin(), meta: { ...origin().meta, trace: { ...trace, causationId: 'evt_1' } } };
    for (let i = 0; i < 30; i++) expect(await stock.call(query, { id: 1 }, within)).toMatchObject({ code: 'Unavailable' });
    expect(log).toEqual([]);
    expect(await stock.call(query, { id: 2 }, within)).toMatchObject({ code: 'Unavailable' });
    expect(log).toEqual(['shop->stock left: closed -> open']);
  });

  test('hears of a request that succeeded and then fails as of a new one', async () => {
    const stock = edge();
    const ask = () => stock.call({ ...query, kind: 'command' }, {}, origin(), { key: 'k' });
    for (let i = 0; i < 5; i++) {
      answer = () => OK;
      await ask();
      answer = () => DOWN;
      await ask();
    }
    answer = () => DOWN;
    await call(stock, 4);
    expect(log).toEqual(['shop->stock left: closed -> open']);
  });

  test('is tried again and again where the breaker is switched off', async () => {
    const stock = edge({ breaker: false });
    answer = () => DOWN;
    expect(await call(stock, 50)).toMatchObject({ code: 'Unavailable' });
    expect(sent).toHaveLength(50);
  });

  test('is not judged by refusals, cancelled calls, load shedding, or deadlines that were too short for most calls', async () => {
    const stock = edge();
    const refusals: Reply[] = [
      declared(new DeclaredError('OutOfStock', 409, {})),
      ...(
        ['BadRequest', 'NotFound', 'Overloaded', 'CircuitOpen', 'StepPending', 'EffectInDoubt', 'ShuttingDown', 'CallTooDeep'] as const
      ).map((code) => fault(new RametError(code))),
    ];
    for (const refusal of refusals) {
      answer = () => refusal;
      await call(stock, 10);
    }
    answer = () => time.platform.timers.sleep(100).then(() => OK);
    for (let i = 0; i < 20; i++) await Promise.all([call(stock), time.pass(100)]);
    answer = () => new Promise(() => {});
    remainingMs = 50;
    for (let i = 0; i < 10; i++) {
      const [short] = await Promise.all([call(stock), time.pass(60)]);
      expect(short).toMatchObject({ code: 'DeadlineExceeded', executed: 'unknown' });
    }
    remainingMs = 5_000;
    for (let i = 0; i < 10; i++) {
      canceller = new Canceller();
      const ending = call(stock);
      await time.pass(1);
      canceller.cancel(new RametError('Cancelled'));
      expect(await ending).toMatchObject({ code: 'Cancelled' });
    }
    expect(log).toEqual([]);
    canceller = new Canceller();
    for (let i = 0; i < 5; i++) await Promise.all([call(stock), time.pass(5_000)]);
    expect(log).toEqual(['shop->stock left: closed -> open']);
  });

  test('allows one probe while a thousand calls wait, and allows all of them again within fifteen seconds', async () => {
    const stock = edge({ bulkhead: 5_000 });
    answer = () => DOWN;
    await call(stock, 5);
    await time.pass(5_000);
    answer = () => time.platform.timers.sleep(20).then(() => OK);
    sent.length = 0;
    const [herd] = await Promise.all([Promise.all(Array.from({ length: 1_000 }, () => call(stock))), time.pass(50)]);
    expect(sent).toHaveLength(1);
    expect(herd.filter((reply) => reply.ok)).toHaveLength(1);
    const halfOpenedAt = time.now - 50;
    for (;;) {
      const [replies] = await Promise.all([Promise.all(Array.from({ length: 100 }, () => call(stock))), time.pass(100)]);
      if (replies.every((reply) => reply.ok)) break;
    }
    expect(time.now - halfOpenedAt).toBeLessThan(15_000);
    expect(log.filter((line) => line.startsWith('probe'))).toEqual(['probe left 1', 'probe left 1']);
  });

  test('keeps the probe for what undoes', async () => {
    const stock = edge();
    answer = () => DOWN;
    await call(stock, 5);
    await time.pass(2_500);
    answer = () => OK;
    const step = { key: 's', epoch: 1, undo: true };
    const command = { ...query, kind: 'command' } as const;
    expect(await stock.call(command, {}, origin(), { step: { ...step, undo: false } })).toMatchObject({ code: 'CircuitOpen' });
    expect(await stock.call(command, {}, origin(), { step })).toBe(OK);
  });

  test('opens no stream to it either', async () => {
    const stock = edge();
    answer = () => DOWN;
    const open = () => stock.stream({ ...query, kind: 'stream' }, {}, origin()).next();
    for (let i = 0; i < 5; i++) await expect(open()).rejects.toMatchObject({ code: 'Unavailable' });
    await expect(open()).rejects.toMatchObject({ code: 'CircuitOpen' });
    expect(sent).toHaveLength(5);
  });

  test('lets no call wait in the queue for a target that is not tried', async () => {
    const stock = edge({ bulkhead: 10 });
    let fail: () => void = () => {};
    const failing = new Promise<void>((resolve) => {
      fail = resolve;
    });
    answer = () => failing.then(() => DOWN);
    const replies = Promise.all(Array.from({ length: 20 }, () => call(stock)));
    fail();
    expect((await replies).map((reply) => !reply.ok && reply.kind === 'fault' && reply.code)).toEqual([
      ...Array(14).fill('Unavailable'),
      ...Array(6).fill('CircuitOpen'),
    ]);
    expect(stock.busy).toBe(0);
  });
});

describe('an edge to ten instances', () => {
  const ten = Array.from({ length: 10 }, (_, i) => `i${i}`);

  test('leaves a bad one out after five failures, and its own circuit stays closed', async () => {
    instances = ten;
    const stock = edge();
    answer = ({ instance }) => (instance === 'i3' ? DOWN : OK);
    let failures = 0;
    for (let i = 0; i < 1_000; i++) if (!(await call(stock)).ok) failures++;
    expect(failures).toBe(5);
    expect(log).toEqual(['shop->stock instance i3: closed -> open']);
    answer = () => OK;
    await time.pass(5_000);
    for (let i = 0; i < 40; i++) await call(stock);
    expect(log.at(-1)).toBe('shop->stock instance i3: half-open -> closed');
  });

  test('ejects one that fails at once while the others are slow, and its own circuit stays closed', async () => {
    instances = ten.slice(0, 3);
    const stock = edge({ bulkhead: 100 });
    let failures = 0;
    answer = ({ instance }) => {
      if (instance !== 'i1') return time.platform.timers.sleep(20).then(() => OK);
      failures++;
      return DOWN;
    };
    for (let round = 0; round < 20; round++) await Promise.all([...Array.from({ length: 30 }, () => call(stock)), time.pass(25)]);
    expect(log).toEqual(['shop->stock instance i1: closed -> open']);
    // Those that were on their way when the fifth came back.
    expect(failures).toBeLessThan(5 + 20);
  });

  test('ignores one that is ejected: the calls under way there fail, and its own circuit stays closed', async () => {
    instances = ten.slice(0, 3);
    const stock = edge({ bulkhead: 100 });
    answer = ({ instance }) => time.platform.timers.sleep(instance === 'i1' ? 10 : 50).then(() => (instance === 'i1' ? DOWN : OK));
    await Promise.all([...Array.from({ length: 75 }, () => call(stock)), time.pass(60)]);
    expect(sent.filter(({ instance }) => instance === 'i1')).toHaveLength(25);
    expect(log).toEqual(['shop->stock instance i1: closed -> open']);
  });

  test('opens its own circuit when all of them fail', async () => {
    instances = ten.slice(0, 3);
    const stock = edge();
    answer = () => DOWN;
    await call(stock, 40);
    expect(sent.length).toBeLessThanOrEqual(20);
    expect(log).toContain('shop->stock left: closed -> open');
  });

  test('asks all of them when more than half are bad: the fault is elsewhere', async () => {
    instances = ten;
    const stock = edge({ breaker: { ...(DEFAULT_POLICY.breaker as object), consecutive: 1, minimumCalls: 1_000 } as never });
    answer = () => DOWN;
    // Each operation has a circuit of its own, and all of them share what is known of the instances.
    for (let i = 0; i < 6; i++) await call(stock, 1, { kind: 'query', service: 'stock', name: `op${i}` });
    answer = () => OK;
    sent.length = 0;
    for (let i = 0; i < 10; i++) await call(stock, 1, { kind: 'query', service: 'stock', name: `more${i}` });
    expect(new Set(sent.map(({ instance }) => instance)).size).toBe(10);
  });

  test('probes at once when a new instance appears', async () => {
    instances = ['i1'];
    const stock = edge();
    answer = () => DOWN;
    await call(stock, 5);
    expect(log.at(-1)).toBe('shop->stock left: closed -> open');
    answer = () => OK;
    sent.length = 0;
    // The same instance in a new list is not new; nor does the end of an instance count.
    instances = ['i1'];
    await call(stock);
    instances = [];
    await call(stock);
    expect(sent).toEqual([]);
    instances = ['i2'];
    await call(stock, 2);
    expect(sent).toHaveLength(2);
    expect(log.at(-1)).toBe('shop->stock left: half-open -> closed');
    // One that fails as well is not believed for ever.
    answer = () => DOWN;
    await call(stock, 5);
    expect(log.at(-1)).toBe('shop->stock left: closed -> open');
    sent.length = 0;
    await call(stock, 5);
    expect(sent).toEqual([]);
  });
});

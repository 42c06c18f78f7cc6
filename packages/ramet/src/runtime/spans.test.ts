import { expect, test } from 'vitest';
import { MemoryBroker } from '../bus/conformance/memory-queue.conformance.ts';
import { embedded } from '../bus/embedded/index.ts';
import type { BusFactory } from '../bus/index.ts';
import { realPlatform } from '../platform/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { parseTraceparent } from '../telemetry/index.ts';
import { Recorder, type Seen } from '../telemetry/recorder.fixture.ts';
import { services, web } from './fixtures/order.fixture.ts';
import { startSeveral } from './fixtures/several.fixture.ts';
import { eventually, temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const platform = realPlatform();
/** What the client of the tests sends: its own span is the parent of the request. */
const SENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

const brokered = (broker: MemoryBroker): BusFactory => ({
  capabilities: broker.capabilities,
  create: (environment) => broker.bus(environment),
});

async function place(port: number | undefined, headers: Record<string, string> = {}): Promise<void> {
  const address = `http://127.0.0.1:${port}/orders`;
  const body = JSON.stringify({ orderId: 'o-1' });
  const answer = await fetch(address, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
  expect(answer.status).toBeLessThan(300);
  await eventually(
    async () => (await (await fetch(`${address}/o-1`)).json()) as { settled: boolean },
    ({ settled }) => settled,
  );
}

/** Each kind of work that the order caused, once, with the kind that caused it. */
function causes(seen: readonly Seen[], correlationId: string | undefined): string[] {
  const order = seen.filter((one) => one.correlationId === correlationId);
  const bySpan = new Map(order.map((one) => [one.spanId, one]));
  const nameOf = (one: Seen | undefined) => (one ? `${one.kind} ${one.name}` : 'nothing known');
  return [...new Set(order.map((one) => `${nameOf(bySpan.get(one.parentId ?? ''))} > ${nameOf(one)}`))].sort();
}

/** @param relayed whether events pass through a broker */
function expected(relayed: boolean): string[] {
  const published = (by: string, source: string, type: string, subscriber: string) =>
    relayed
      ? [`${by} > relay ${source}.${type}`, `relay ${source}.${type} > delivery ${subscriber}.${type}`]
      : [`${by} > delivery ${subscriber}.${type}`];
  return [
    'nothing known > request web',
    'request web > call web->orders.place',
    'call web->orders.place > attempt web->orders.place',
    'attempt web->orders.place > operation orders.place',
    'operation orders.place > transaction orders.orders.place',
    ...published('operation orders.place', 'orders', 'orders.Placed', 'billing'),
    'delivery billing.orders.Placed > transaction billing.billing on orders.Placed',
    'delivery billing.orders.Placed > reaction billing.orders.Placed',
    'reaction billing.orders.Placed > saga billing.bill',
    'saga billing.bill > transaction billing.saga bill',
    'saga billing.bill > step bill.payments.charge',
    'step bill.payments.charge > call billing->payments.charge',
    'call billing->payments.charge > attempt billing->payments.charge',
    'attempt billing->payments.charge > operation payments.charge',
    'operation payments.charge > transaction payments.payments.charge intends',
    'operation payments.charge > effect payments.charge',
    'effect payments.charge > transaction payments.payments.charge records',
    ...published('effect payments.charge', 'payments', 'payments.Charged', 'orders'),
    'delivery orders.payments.Charged > transaction orders.orders on payments.Charged',
    'delivery orders.payments.Charged > reaction orders.payments.Charged',
    'reaction orders.payments.Charged > call orders->orders.settle',
    'call orders->orders.settle > attempt orders->orders.settle',
    'attempt orders->orders.settle > operation orders.settle',
    'operation orders.settle > transaction orders.orders.settle',
  ].sort();
}

/** What must be so of the spans of one order, wherever they were made. */
async function expectWhole(recorder: Recorder, relayed: boolean): Promise<Seen> {
  const request = recorder.seen.find(({ kind }) => kind === 'request') as Seen;
  const order = () => recorder.seen.filter(({ correlationId }) => correlationId === request.correlationId);
  // The last answer may leave before the last piece has ended.
  await eventually(() => order().every(({ outcome }) => outcome !== undefined));
  expect(causes(recorder.seen, request.correlationId)).toEqual(expected(relayed));
  expect(new Set(order().map(({ traceId }) => traceId))).toEqual(new Set([request.traceId]));
  expect(new Set(order().map(({ spanId }) => spanId)).size).toBe(order().length);
  expect(order().filter(({ ends }) => ends !== 1)).toEqual([]);
  return request;
}

const monolith = (folder: string, bus: BusFactory) =>
  topology({ services, gateways: { web }, profiles: { monolith: { store: sqlite(folder), bus } } });

test('each piece of work of an order has its own span and the right parent, in one process', async () => {
  using folder = temporaryFolder();
  const recorder = new Recorder(platform);
  const runtime = await start(monolith(folder.path, embedded()), { ports: { web: 0 }, logTo: () => {}, instrument: recorder });
  try {
    await place(runtime.ports['web'], { traceparent: SENT, 'x-correlation-id': 'checkout-7' });
    const request = await expectWhole(recorder, false);
    expect(request).toMatchObject({ correlationId: 'checkout-7', outcome: '204', ...parentOf(SENT) });
  } finally {
    await runtime.stop();
  }
});

test('so it is where events pass through a broker, and a request without a trace begins one', async () => {
  using folder = temporaryFolder();
  const recorder = new Recorder(platform);
  const broker = new MemoryBroker(platform, 'key');
  const runtime = await start(monolith(folder.path, brokered(broker)), { ports: { web: 0 }, logTo: () => {}, instrument: recorder });
  try {
    await place(runtime.ports['web']);
    expect((await expectWhole(recorder, true)).parentId).toBeUndefined();
  } finally {
    await runtime.stop();
    await broker.stop();
  }
});

test('so it is where each service and the gateway are processes of their own, and call each other over the network', async () => {
  using folder = temporaryFolder();
  const recorder = new Recorder(platform);
  const broker = new MemoryBroker(platform, 'key');
  try {
    await using several = await startSeveral(folder.path, { services, gateways: { web } }, () => ({ instrument: recorder }), {
      bus: brokered(broker),
      admin: 'web',
    });
    await place(several.runtimes.get('web')?.ports['web'], { traceparent: SENT });
    expect(await expectWhole(recorder, true)).toMatchObject(parentOf(SENT));
  } finally {
    await broker.stop();
  }
});

test('where no spans are made the trace of the client travels as it came', async () => {
  using folder = temporaryFolder();
  const traces = new Set<string>();
  const runtime = await start(monolith(folder.path, embedded()), {
    ports: { web: 0 },
    logTo: () => {},
    instrument: {
      spans: false,
      begin(_, { traceparent, correlationId }) {
        if (correlationId === 'checkout-7') traces.add(traceparent);
        return { under: (trace) => trace, end() {} };
      },
    },
  });
  try {
    await place(runtime.ports['web'], { traceparent: SENT, 'x-correlation-id': 'checkout-7' });
    expect([...traces]).toEqual([SENT]);
  } finally {
    await runtime.stop();
  }
});

test.each(['begin', 'under', 'note', 'end'] as const)(
  'an instrument whose %s throws is switched off, and the order completes',
  async (method) => {
    using folder = temporaryFolder();
    const log: string[] = [];
    const fail = () => {
      throw new Error('exporter is broken');
    };
    const span = { under: <T>(trace: T) => trace, end() {}, [method]: fail };
    const runtime = await start(monolith(folder.path, embedded()), {
      ports: { web: 0 },
      logTo: (lines) => log.push(lines),
      instrument: { spans: true, begin: () => span, note() {}, [method]: fail },
    });
    try {
      await place(runtime.ports['web']);
    } finally {
      await runtime.stop();
    }
    expect(log.join('').match(/"event":"instrument_failed"/g)).toHaveLength(1);
    expect(log.join('')).toContain(`"method":"${method}"`);
    expect(log.join('')).not.toContain('commit_listener_failed');
  },
);

test('a start refuses a value that is not an instrument', async () => {
  using folder = temporaryFolder();
  const instrument = (() => {}) as never;
  const starting = start(monolith(folder.path, embedded()), { ports: { web: 0 }, logTo: () => {}, instrument });
  await expect(starting).rejects.toThrow("instrument: must be an object with 'spans' (true or false) and a function 'begin'");
});

function parentOf(traceparent: string) {
  const parent = parseTraceparent(traceparent);
  return { traceId: parent?.traceId, parentId: parent?.parentId };
}

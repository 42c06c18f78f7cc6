import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import {
  createMetrics,
  type Instrument,
  joined,
  metricsInstrument,
  NO_SPAN,
  type Note,
  newTrace,
  silentInstrument,
  standardMetrics,
  type Trace,
  Works,
} from './index.ts';
import { noting, Recorder } from './recorder.fixture.ts';

const platform = realPlatform();
const operations = new Works('operation', 'service', 'operation');
const place = operations.of('orders', 'place');
const root = newTrace(platform);

const counted = () => {
  const metrics = createMetrics({ service: 'shop', version: '1', env: 'test' });
  return { metrics, instrument: metricsInstrument(standardMetrics(metrics), platform) };
};

test('a work is one object each time it is looked up, unless its name comes from outside', () => {
  expect(operations.of('orders', 'place')).toBe(place);
  expect(place).toEqual({ kind: 'operation', name: 'orders.place', labels: { service: 'orders', operation: 'place' } });
  expect(operations.once('orders', 'made up')).not.toBe(operations.once('orders', 'made up'));
});

test('the first work of a trace that begins here takes its id, and those that it causes are its children', () => {
  const recorder = new Recorder(platform);
  const first = recorder.begin(place, root);
  const second = recorder.begin(place, first.under(root));
  second.end('ok');
  first.end('ok');
  const [parent, child] = recorder.seen;
  expect(root.traceparent).toContain(parent?.spanId);
  expect([parent?.parentId, child?.parentId]).toEqual([undefined, parent?.spanId]);
  expect(child?.traceId).toBe(parent?.traceId);
});

test('a trace that another system began has that system as the parent of its first work', () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const recorder = new Recorder(platform);
  recorder.begin(place, newTrace(platform, { traceparent })).end('ok');
  expect(recorder.seen).toMatchObject([{ traceId: '4bf92f3577b34da6a3ce929d0e0e4736', parentId: '00f067aa0ba902b7' }]);
});

test('several instruments all see the work and the notes, and the context is that of the one that makes spans', async () => {
  const { metrics, instrument } = counted();
  const recorder = new Recorder(platform);
  const notes: Note[] = [];
  const all = joined(
    instrument,
    undefined,
    recorder,
    silentInstrument,
    noting((note) => void notes.push(note)),
  );
  expect(all.spans).toBe(true);
  const span = all.begin(place, root);
  expect(span.under(root).traceparent).toContain(recorder.seen[0]?.spanId);
  span.end('OutOfStock');
  all.note?.({ what: 'fallback', edge: 'web->orders', operation: 'place', code: 'Unavailable' });
  expect(recorder.seen).toMatchObject([{ outcome: 'OutOfStock', ends: 1 }]);
  expect(notes).toHaveLength(1);
  const shown = await metrics.render();
  expect(shown).toContain('ramet_call_duration_seconds_count{service="orders",operation="place",outcome="OutOfStock"} 1');
  expect(shown).toContain('ramet_call_fallbacks_total{edge="web->orders",operation="place"} 1');
  await metrics.shutdown();
});

test('one instrument, or none, is not wrapped', () => {
  const { instrument } = counted();
  expect(joined()).toBe(silentInstrument);
  expect(joined(silentInstrument, undefined)).toBe(silentInstrument);
  expect(joined(silentInstrument, instrument)).toBe(instrument);
});

test('metrics count what ends in their words: a saga that is released and a run that another process did are none', async () => {
  const { metrics, instrument } = counted();
  const saga = new Works('saga', 'service', 'saga').of('orders', 'fulfil-order');
  for (const outcome of ['released', 'COMPLETED', 'COMPENSATED', 'COMPLETED']) instrument.begin(saga, root).end(outcome);
  const nightly = new Works('schedule', 'service', 'schedule').of('orders', 'nightly');
  for (const outcome of ['elsewhere', 'done', 'failed']) instrument.begin(nightly, root).end(outcome);
  const delivery = new Works('delivery', 'subscriber', 'event').of('audit', 'orders.OrderPlaced');
  for (const outcome of ['handled', 'dead']) instrument.begin(delivery, root).end(outcome);
  const shown = await metrics.render();
  for (const line of [
    'ramet_sagas_finished_total{saga="fulfil-order",state="COMPLETED"} 2',
    'ramet_sagas_finished_total{saga="fulfil-order",state="COMPENSATED"} 1',
    'ramet_schedule_runs_total{service="orders",schedule="nightly",outcome="done"} 1',
    'ramet_events_handled_total{subscriber="audit",event="orders.OrderPlaced",outcome="handled"} 1',
    'ramet_dead_letters_total{subscriber="audit",event="orders.OrderPlaced"} 1',
  ])
    expect(shown).toContain(line);
  expect(shown).not.toMatch(/released|elsewhere/);
  await metrics.shutdown();
});

/** What one order costs where each hop begins and ends a piece of work. */
function hop(instrument: Instrument, trace: Trace): Trace {
  const span = instrument.begin(place, trace, 'key');
  const within = span.under(trace);
  instrument.note?.({ what: 'queue', edge: 'web->orders', waiting: 1 });
  span.end('ok');
  return within;
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes of memory that one run of `work` takes: the median, because a round may meet a collection, or a compiler at work. */
function bytesOf(work: () => void): number {
  const times = 50_000;
  const rounds = Array.from({ length: 9 }, () => {
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < times; i++) work();
    return (process.memoryUsage().heapUsed - before) / times;
  });
  return rounds.toSorted((a, b) => a - b)[4] as number;
}

test('with nothing listening a piece of work and a note take no memory', () => {
  expect(bytesOf(() => hop({ ...silentInstrument, begin: () => ({ ...NO_SPAN }) }, root))).toBeGreaterThan(16);
  expect(bytesOf(() => hop(silentInstrument, root))).toBeLessThan(1);
});

test('with metrics alone only what is timed takes memory: one object a piece', async () => {
  const { metrics, instrument } = counted();
  // The object, the moment at which it began and the time that it took.
  expect(bytesOf(() => instrument.begin(place, root).end('ok'))).toBeLessThan(112);
  for (const kind of ['call', 'attempt', 'transaction', 'relay', 'reaction', 'effect', 'delivery', 'schedule'] as const) {
    const work = new Works(kind, 'first', 'second').of('a', 'b');
    expect(
      bytesOf(() => instrument.begin(work, root).under(root)),
      kind,
    ).toBeLessThan(1);
  }
  await metrics.shutdown();
});

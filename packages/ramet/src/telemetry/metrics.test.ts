import { metrics as globalMetrics } from '@opentelemetry/api';
import { describe, expect, test } from 'vitest';
import { createMetrics, MAX_SERIES, standardMetrics } from './index.ts';

const make = (onError?: (error: unknown) => void) =>
  createMetrics({ service: 'shop', version: '1.2.3', env: 'test', ...(onError ? { onError } : {}) });
const linesOf = (text: string, name: string) => text.split('\n').filter((line) => line.startsWith(name));

describe('names', () => {
  test('and labels are rendered exactly as they were given', async () => {
    const metrics = make();
    const { httpRequestDuration } = standardMetrics(metrics);
    httpRequestDuration.record(0.03, { method: 'GET', route: '/api/orders/{orderId}', status_code: 200 });
    const labels = 'method="GET",route="/api/orders/{orderId}",status_code="200"';
    expect((await metrics.render()).split('\n').filter((line) => line.includes('http_request'))).toEqual([
      '# HELP http_request_duration_seconds Time from the request to the end of the answer; the route is the pattern, not the address',
      '# TYPE http_request_duration_seconds histogram',
      `http_request_duration_seconds_count{${labels}} 1`,
      `http_request_duration_seconds_sum{${labels}} 0.03`,
      ...['0.01', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '+Inf'].map(
        (le) => `http_request_duration_seconds_bucket{${labels},le="${le}"} ${le === '0.01' ? 0 : 1}`,
      ),
    ]);
  });

  test('that the exporter would add do not appear', async () => {
    const metrics = make();
    metrics.counter('orders_total', { description: 'Orders', unit: 'orders' }).add(1);
    const text = await metrics.render();
    expect(text).not.toMatch(/target_info|otel_scope|telemetry_sdk/);
    expect(linesOf(text, 'orders')).toEqual(['orders_total 1']);
    expect(linesOf(text, 'ramet_build_info')).toEqual(['ramet_build_info{service="shop",version="1.2.3",env="test"} 1']);
    expect(text.endsWith('\n')).toBe(true);
  });

  test('that would be rendered as others are refused', () => {
    const metrics = make();
    for (const name of ['a.b_total', 'a-b_total', 'a__b_total', '1_total', '_a_total', 'a:b_total', '']) {
      expect(() => metrics.counter(name, { description: '' })).toThrow(RangeError);
    }
    expect(() => metrics.counter('orders', { description: '' })).toThrow(/orders_total/);
    expect(() => metrics.counter('orders_total', { description: '' }).add(1, { 'order.id': 1 })).toThrow(RangeError);
    expect(() => metrics.histogram('time_seconds', { description: '' }).record(1, { le: 1 })).toThrow(RangeError);
  });

  test('of a gauge may end in _total', async () => {
    const metrics = make();
    metrics.gauge('active_orders_total', { description: 'Orders under way' }, () => 7);
    expect(linesOf(await metrics.render(), 'active_orders')).toEqual(['active_orders_total 7']);
  });

  test('return the same instrument when looked up again, and an error when looked up as another kind', async () => {
    const metrics = make();
    const ask = () => metrics.counter('orders_total', { description: 'Orders' });
    ask().add(1);
    ask().add(2);
    expect(ask()).toBe(ask());
    expect(linesOf(await metrics.render(), 'orders_total')).toEqual(['orders_total 3']);
    expect(() => metrics.upDownCounter('orders_total', { description: 'Orders' })).toThrow(RangeError);
    metrics.histogram('time_seconds', { description: '', buckets: [1, 2] });
    expect(() => metrics.histogram('time_seconds', { description: '', buckets: [1, 3] })).toThrow(RangeError);
  });
});

describe('values', () => {
  test('add up over renderings', async () => {
    const metrics = make();
    const open = metrics.upDownCounter('connections', { description: 'Open' });
    const size = metrics.histogram('batch_size', { description: 'Sizes', buckets: [1, 10] });
    open.add(3);
    size.record(5);
    await metrics.render();
    open.add(-2);
    size.record(50);
    const text = await metrics.render();
    expect(linesOf(text, 'connections')).toEqual(['connections 1']);
    expect(linesOf(text, 'batch_size')).toEqual([
      'batch_size_count 2',
      'batch_size_sum 55',
      'batch_size_bucket{le="1"} 0',
      'batch_size_bucket{le="10"} 1',
      'batch_size_bucket{le="+Inf"} 2',
    ]);
  });

  test('that are not numbers, or decrease where they must not, are ignored', async () => {
    const metrics = make();
    const counter = metrics.counter('orders_total', { description: 'Orders' });
    const histogram = metrics.histogram('time_seconds', { description: 'Time' });
    for (const value of [1, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      counter.add(value);
      histogram.record(value);
    }
    const text = await metrics.render();
    expect(linesOf(text, 'orders_total')).toEqual(['orders_total 1']);
    expect(linesOf(text, 'time_seconds_sum')).toEqual(['time_seconds_sum 1']);
  });

  test('of labels are text whatever they were, in any order, and escaped', async () => {
    const metrics = make();
    const counter = metrics.counter('orders_total', { description: 'Orders' });
    counter.add(1, { a: 200, b: 'x' });
    counter.add(1, { b: 'x', a: '200' });
    counter.add(1, { a: 200, b: undefined });
    counter.add(1, { a: 200 });
    counter.add(1, { a: 'say "no"\n\\', b: true });
    expect(linesOf(await metrics.render(), 'orders_total')).toEqual([
      'orders_total{a="200",b="x"} 2',
      'orders_total{a="200"} 2',
      'orders_total{a="say \\"no\\"\\n\\\\",b="true"} 1',
    ]);
  });

  test('of labels beyond the bound are counted together as other', async () => {
    const metrics = make();
    const counter = metrics.counter('hits_total', { description: 'Hits' });
    for (let i = 0; i < 3 * MAX_SERIES; i++) counter.add(1, { path: `/${i}`, method: 'GET' });
    counter.add(1, { path: '/5', method: 'GET' });
    const lines = linesOf(await metrics.render(), 'hits_total');
    expect(lines.length).toBe(MAX_SERIES);
    expect(lines).toContain('hits_total{path="/5",method="GET"} 2');
    expect(lines).toContain(`hits_total{path="other",method="other"} ${2 * MAX_SERIES + 1}`);
  });
});

describe('gauges', () => {
  test('are asked at each rendering and may have several observers', async () => {
    const metrics = make();
    const { eventLag } = standardMetrics(metrics);
    let pending = 1;
    eventLag(() => [{ value: pending++, labels: { subscriber: 'orders' } }]);
    eventLag(async () => [{ value: 9, labels: { subscriber: 'users' } }]);
    await metrics.render();
    expect(linesOf(await metrics.render(), 'ramet_event_lag')).toEqual([
      'ramet_event_lag_events{subscriber="orders"} 2',
      'ramet_event_lag_events{subscriber="users"} 9',
    ]);
  });

  test('show nothing that was not observed this time', async () => {
    const errors: unknown[] = [];
    const metrics = make((error) => errors.push(error));
    let samples = [
      { value: 1, labels: { subscriber: 'a' } },
      { value: 2, labels: { subscriber: 'b' } },
    ];
    let broken = false;
    standardMetrics(metrics).eventLag(() => {
      if (broken) throw new Error('database is gone');
      return samples;
    });
    await metrics.render();
    samples = samples.slice(1);
    expect(linesOf(await metrics.render(), 'ramet_event_lag')).toEqual(['ramet_event_lag_events{subscriber="b"} 2']);
    broken = true;
    const text = await metrics.render();
    expect(linesOf(text, 'ramet_event_lag')).toEqual([]);
    expect(text).toContain('ramet_build_info');
    expect(errors).toEqual([new Error('database is gone')]);
  });

  test('whose observer hangs are omitted after a second', async () => {
    const errors: unknown[] = [];
    const metrics = make((error) => errors.push(error));
    let hang = false;
    metrics.gauge('slow', { description: 'Slow' }, () => (hang ? new Promise<number>(() => {}) : 1));
    metrics.gauge('slow', { description: 'Slow' }, () => [{ value: 2, labels: { part: 'quick' } }]);
    await metrics.render();
    hang = true;
    const text = await metrics.render();
    expect(linesOf(text, 'slow')).toEqual([]);
    expect(text).toContain('ramet_build_info');
    expect(errors).toHaveLength(1);
  });

  test('shows what an observer said until that one is removed, and the others after that', async () => {
    const metrics = make();
    metrics.gauge('stock', { description: 'Stock' }, () => [{ value: 1, labels: { of: 'a' } }]);
    const remove = metrics.gauge('stock', { description: 'Stock' }, () => [{ value: 2, labels: { of: 'b' } }]);
    expect(await metrics.render()).toContain('stock{of="b"} 2');
    remove();
    remove();
    const text = await metrics.render();
    expect(text).toContain('stock{of="a"} 1');
    expect(text).not.toContain('of="b"');
  });

  test('are asked once by renderings at the same time', async () => {
    const metrics = make();
    let asked = 0;
    metrics.gauge('asked', { description: 'Asked' }, async () => ++asked);
    const [one, two] = await Promise.all([metrics.render(), metrics.render()]);
    expect(one).toBe(two);
    expect(asked).toBe(1);
  });

  test('of the process come from the platform that measures them', async () => {
    const metrics = make();
    standardMetrics(metrics).observeProcess({ residentMemoryBytes: () => 1_000, eventLoopLagSeconds: () => 0.012 });
    const text = await metrics.render();
    expect(linesOf(text, 'process_resident_memory_bytes')).toEqual(['process_resident_memory_bytes 1000']);
    expect(linesOf(text, 'nodejs_eventloop_lag_seconds')).toEqual(['nodejs_eventloop_lag_seconds 0.012']);
  });
});

test('sets of metrics in one process share nothing, and nothing is global', async () => {
  const [one, two] = [make(), make()];
  one.counter('orders_total', { description: 'Orders' }).add(1);
  globalMetrics.getMeter('x').createCounter('stray_total').add(1);
  expect(linesOf(await two.render(), 'orders_total')).toEqual([]);
  expect(await one.render()).not.toContain('stray');
});

test('after shutdown recording is harmless and nothing is rendered', async () => {
  const metrics = make();
  const counter = metrics.counter('orders_total', { description: 'Orders' });
  await metrics.shutdown();
  await metrics.shutdown();
  counter.add(1);
  expect(await metrics.render()).toBe('');
});

test('the standard metrics bear the names that alert rules use', async () => {
  const metrics = make();
  const standard = standardMetrics(metrics);
  standard.callDuration.record(0.001, { service: 'orders', operation: 'get', outcome: 'ok' });
  standard.eventsHandled.add(1, { subscriber: 'mail', event: 'OrderPlaced', outcome: 'ok' });
  standard.sagasFinished.add(1, { saga: 'fulfil-order', state: 'completed' });
  standard.sagaStepDuration.record(1, { saga: 'fulfil-order', step: 'charge card', outcome: 'ok' });
  standard.deadLetters.add(1, { subscriber: 'mail', event: 'OrderPlaced' });
  standard.storeCommitDuration.record(0.002, { service: 'orders' });
  standard.storeBatchSize.record(16, { service: 'orders' });
  const text = await metrics.render();
  for (const line of [
    'ramet_call_duration_seconds_count{service="orders",operation="get",outcome="ok"} 1',
    'ramet_events_handled_total{subscriber="mail",event="OrderPlaced",outcome="ok"} 1',
    'ramet_sagas_finished_total{saga="fulfil-order",state="completed"} 1',
    'ramet_saga_step_duration_seconds_count{saga="fulfil-order",step="charge card",outcome="ok"} 1',
    'ramet_dead_letters_total{subscriber="mail",event="OrderPlaced"} 1',
    'ramet_store_commit_duration_seconds_count{service="orders"} 1',
    'ramet_store_batch_size_bucket{service="orders",le="16"} 1',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
});

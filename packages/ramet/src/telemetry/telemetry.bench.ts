import { realPlatform } from '../platform/index.ts';
import { childTraceparent, createLog, createMetrics, maskCardNumbers, newTrace, newTraceparent } from './index.ts';

// What telemetry adds to a request. Run: node -C ramet-source packages/ramet/src/telemetry/telemetry.bench.ts

const platform = realPlatform();
const log = createLog({ platform, service: 'shop', version: '1.0.0', env: 'bench', destination: () => undefined });
const metrics = createMetrics({ service: 'shop', version: '1.0.0', env: 'bench' });
const duration = metrics.histogram('http_request_duration_seconds', { description: 'Bench' });
const handled = metrics.counter('ramet_events_handled_total', { description: 'Bench' });
const crowded = metrics.counter('crowded_total', { description: 'Bench' });
for (let i = 0; i < 2_000; i++) crowded.add(1, { id: String(i) });
const request = log.child({ correlationId: 'cor_06f3a' });
const parent = newTraceparent(platform);
const codes = ['200', '201', '404'];
const nested = { request: { headers: { authorization: 'x', accept: 'json' }, body: { card: { number: '4' } } }, user: { id: 1 } };
const stack = String(new Error('no').stack);

const cases: Record<string, (i: number) => unknown> = {
  'histogram.record, three labels': (i) =>
    duration.record(0.03, { method: 'GET', route: '/api/orders/{orderId}', status_code: codes[i % 3] }),
  'counter.add, three labels': (i) => handled.add(1, { subscriber: 'web', event: 'OrderPlaced', outcome: codes[i % 3] }),
  'counter.add beyond the bound of series': (i) => crowded.add(1, { id: String(i) }),
  'log.child': (i) => log.child({ correlationId: i }),
  'log.child and one line': (i) => log.child({ correlationId: 'cor_06f3a' }).info({ ms: i }, 'Answered'),
  'log.info, flat': (i) => request.info({ method: 'GET', route: '/x', ms: i }, 'Answered'),
  'log.info, nested with secrets': () => request.info(nested, 'Answered'),
  'log.error with an error': () => request.error({ err: new Error('no') }, 'Failed'),
  'log.debug, switched off': (i) => request.debug({ ms: i }, 'Answered'),
  'maskCardNumbers, a short text': () => maskCardNumbers('Order ord_06f3a placed by customer 42'),
  'maskCardNumbers, a stack': () => maskCardNumbers(stack),
  newTrace: () => newTrace(platform, { correlationId: 'abc', traceparent: parent }),
  childTraceparent: () => childTraceparent(platform, parent),
};

for (const [name, run] of Object.entries(cases)) {
  const rounds = 100_000;
  let best = Number.POSITIVE_INFINITY;
  for (let repeat = 0; repeat < 5; repeat++) {
    const began = platform.clock.monoNow();
    for (let i = 0; i < rounds; i++) run(i);
    best = Math.min(best, ((platform.clock.monoNow() - began) * 1e6) / rounds);
  }
  console.log(`${name.padEnd(42)} ${best.toFixed(0).padStart(6)} ns`);
}

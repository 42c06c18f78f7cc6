import { expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import { childTraceparent, isCorrelationId, newTrace, newTraceparent, parseTraceparent } from './index.ts';

const platform = realPlatform();
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = `00-${TRACE}-b7ad6b7169203331-01`;

test('a well-formed traceparent is read', () => {
  expect(parseTraceparent(PARENT)).toEqual({ traceId: TRACE, parentId: 'b7ad6b7169203331', flags: 1, sampled: true });
  expect(parseTraceparent(`00-${TRACE}-b7ad6b7169203331-00`)?.sampled).toBe(false);
});

test('a later version may have more fields, and unknown flags are cleared', () => {
  expect(parseTraceparent(`cc-${TRACE}-b7ad6b7169203331-ff-what-the-future-will-be-like`)).toMatchObject({ traceId: TRACE, flags: 3 });
});

test.each([
  undefined,
  '',
  'garbage',
  `00-${TRACE}-b7ad6b7169203331`,
  `00-${TRACE}-b7ad6b7169203331-01-more`,
  `00-${TRACE}-b7ad6b7169203331-01.`,
  `cc-${TRACE}-b7ad6b7169203331-01.what`,
  `ff-${TRACE}-b7ad6b7169203331-01`,
  `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
  `00-${TRACE}-0000000000000000-01`,
  PARENT.toUpperCase(),
  ` ${PARENT}`,
  `${PARENT}\n`,
])('the malformed traceparent %j is refused', (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});

test('a new traceparent is well-formed and unlike any other', () => {
  const made = new Set(Array.from({ length: 1_000 }, () => newTraceparent(platform)));
  expect(made.size).toBe(1_000);
  for (const traceparent of made) expect(parseTraceparent(traceparent)?.sampled).toBe(true);
  expect(parseTraceparent(newTraceparent(platform, false))?.sampled).toBe(false);
});

test('a platform that draws only zeros still gets ids that count', () => {
  const zeros = { ...platform, random: { next: () => 0, bytes: (count: number) => new Uint8Array(count) } };
  expect(parseTraceparent(newTraceparent(zeros))).toBeDefined();
});

test('a child keeps the trace and the decision to sample, under a span of its own', () => {
  const child = parseTraceparent(childTraceparent(platform, `00-${TRACE}-b7ad6b7169203331-00`));
  expect(child).toMatchObject({ traceId: TRACE, sampled: false });
  expect(child?.parentId).not.toBe('b7ad6b7169203331');
});

test('the child of a malformed parent begins a trace', () => {
  expect(parseTraceparent(childTraceparent(platform, 'garbage'))).toBeDefined();
});

test('a trace continues what the caller sent', () => {
  const trace = newTrace(platform, { correlationId: 'checkout-7', causationId: 'evt_1', traceparent: PARENT });
  expect(trace).toMatchObject({ correlationId: 'checkout-7', causationId: 'evt_1' });
  expect(parseTraceparent(trace.traceparent)?.traceId).toBe(TRACE);
});

test('a trace begins what the caller did not send or sent malformed', () => {
  for (const correlationId of [undefined, '', 'a\r\nset-cookie: b', '"><script>', 'x'.repeat(129), '-dash']) {
    const trace = newTrace(platform, { correlationId, traceparent: 'garbage' });
    expect(trace.correlationId).toMatch(/^cor_[0-9a-z]{26}$/);
    expect(parseTraceparent(trace.traceparent)).toBeDefined();
    expect('causationId' in trace).toBe(false);
  }
});

test('correlation ids of other systems are accepted', () => {
  for (const id of ['3f2504e0-4f89-41d3-9a0c-0305e82c3301', 'cor_06f3a', 'Root=1-67891233-abcdef', 'a'.repeat(128)])
    expect(isCorrelationId(id)).toBe(true);
});

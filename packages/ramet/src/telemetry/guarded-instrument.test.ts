import { beforeEach, expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import { guarded, type Instrument, instrumentProblems, joined, NO_SPAN, newTrace, type Span, silentLog, Works } from './index.ts';
import { Recorder } from './recorder.fixture.ts';

const platform = realPlatform();
const place = new Works('operation', 'service', 'operation').of('orders', 'place');
const root = newTrace(platform);

let logged: [event: string, fields: object][];
const log = { ...silentLog, event: (event: string, fields: object) => void logged.push([event, fields]) };

beforeEach(() => {
  logged = [];
});

function fail(): never {
  throw new Error('exporter is broken');
}

/** An instrument whose spans have some methods replaced, and the calls that it saw. */
function instrumentWith({ note, begin, ...span }: Partial<Span & Pick<Instrument, 'note' | 'begin'>>) {
  const calls: string[] = [];
  const instrument: Instrument = {
    spans: true,
    begin(...given) {
      calls.push('begin');
      return begin ? begin(...given) : { under: (trace) => trace, end: () => void calls.push('end'), ...span };
    },
    note: note ?? (() => void calls.push('note')),
  };
  return { calls, instrument };
}

function work(instrument: Instrument): void {
  const span = instrument.begin(place, root, 'key');
  expect(span.under(root)).toBe(root);
  instrument.note?.({ what: 'queue', edge: 'web->orders', waiting: 1 });
  span.end('ok');
}

test.each([
  ['begin', { begin: fail }],
  ['begin', { begin: () => undefined as never }],
  ['under', { under: fail }],
  ['under', { under: () => undefined as never }],
  ['note', { note: fail }],
  ['end', { end: fail }],
])('what %s does wrong is logged once and switches the instrument off, and the work continues', (method, wrong) => {
  const { calls, instrument } = instrumentWith(wrong);
  const guard = guarded(instrument, log);
  const underWay = guard.begin(place, root);
  work(guard);
  work(guard);
  const seen = calls.length;
  underWay.end('ok');
  work(guard);
  expect(calls).toHaveLength(seen);
  expect(logged).toEqual([['instrument_failed', { err: expect.any(Error), method }]]);
});

test.each(['note', 'end'] as const)('an async %s that rejects does not end the process', async (method) => {
  const guard = guarded(instrumentWith({ [method]: async () => fail() }).instrument, log);
  work(guard);
  await platform.timers.yield();
  expect(logged).toEqual([['instrument_failed', { err: expect.any(Error), method }]]);
  expect(guard.begin(place, root)).toBe(NO_SPAN);
});

test('an instrument beside one that fails sees everything', () => {
  const recorder = new Recorder(platform);
  const both = joined(guarded(instrumentWith({ end: fail }).instrument, log), recorder);
  for (let i = 0; i < 3; i++) both.begin(place, root).end('ok');
  expect(recorder.seen.map(({ ends }) => ends)).toEqual([1, 1, 1]);
});

test('an instrument that works sees what it would see alone, as the object that it is', () => {
  class Counting implements Instrument {
    readonly spans = false;
    readonly notes: string[] = [];
    begin = () => NO_SPAN;
    note({ what }: { readonly what: string }) {
      this.notes.push(what);
    }
  }
  const counting = new Counting();
  const guard = guarded(counting, log);
  work(guard);
  expect(counting.notes).toEqual(['queue']);
  expect([guard.spans, guard.begin(place, root), logged]).toEqual([false, NO_SPAN, []]);
  expect(guarded({ spans: false, begin: () => NO_SPAN }, log).note).toBeUndefined();
});

test('a value that is not an instrument is named with what it lacks', () => {
  expect(instrumentProblems(() => {})).toEqual([expect.stringContaining("must be an object with 'spans'")]);
  expect(instrumentProblems(null)).toHaveLength(1);
  expect(instrumentProblems({ note: 'loud' })).toEqual([
    "instrument: 'spans' must be true or false",
    "instrument: 'begin' must be a function",
    "instrument: 'note' must be a function, or absent",
  ]);
  expect([instrumentProblems(undefined), instrumentProblems(new Recorder(platform))]).toEqual([[], []]);
});

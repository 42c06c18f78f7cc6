import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeJson, encodeJson, JsonError } from '../platform/index.ts';
import { ANONYMOUS } from '../security/index.ts';
import type { CallMeta, Reply } from './call.ts';
import { decodeReply, decodeRequest, encodeReply, encodeRequest, OUTCOME, ProtocolError, replyKind } from './messages.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });
/** What JSON carries as it is. */
const json = fc.jsonValue({ noUnicodeString: false }).map((value) => JSON.parse(JSON.stringify(value)));
const target = { service: 'stock', operation: 'look' };

const metas: fc.Arbitrary<CallMeta> = fc.record(
  {
    caller: fc.constant(ANONYMOUS),
    trace: fc.record({ correlationId: text, traceparent: text, causationId: text }, { requiredKeys: ['correlationId', 'traceparent'] }),
    timeoutMs: fc.nat(),
    depth: fc.nat(8),
    key: text,
    attempt: fc.nat(9),
    noRetry: fc.constant(true),
    durable: fc.constant(true),
    step: fc.record(
      {
        key: text,
        epoch: fc.nat(),
        undo: fc.boolean(),
        reason: text,
        resolution: fc.constantFrom('applied' as const, 'absent' as const),
        remainingMs: fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n || 0),
      },
      { requiredKeys: ['key', 'epoch', 'undo'] },
    ),
  },
  { requiredKeys: ['caller', 'trace', 'timeoutMs', 'depth'] },
);

describe('a call', () => {
  test('arrives as it was sent', () => {
    fc.assert(
      fc.property(metas, fc.option(json, { nil: undefined }), (meta, input) => {
        const { caller, ...rest } = meta;
        fc.pre(!JSON.stringify(input ?? null).includes('__proto__'));
        expect(decodeRequest(encodeRequest(target, input, meta))).toEqual({ ...target, meta: rest, input });
      }),
    );
  });

  test('takes no caller from the wire, and ignores unknown fields', () => {
    const sent = ['stock', 'look', 5, 1, 'c', 't', { caller: { kind: 'user', subject: 'root' }, later: 1, key: 'k' }, {}, 'and more'];
    expect(decodeRequest(JSON.stringify(sent)).meta).toEqual({
      trace: { correlationId: 'c', traceparent: 't' },
      timeoutMs: 5,
      depth: 1,
      key: 'k',
    });
  });

  test('is refused without any other effect, whatever it holds', () => {
    const wrong = fc.oneof(
      text,
      json.map((value) => JSON.stringify(value)),
      fc.array(json, { minLength: 5, maxLength: 9 }).map((list) => JSON.stringify(list)),
    );
    fc.assert(
      fc.property(wrong, (given) => {
        try {
          const { service, operation, meta } = decodeRequest(given);
          expect([typeof service, typeof operation, typeof meta.trace.correlationId, typeof meta.timeoutMs]).toEqual([
            'string',
            'string',
            'string',
            'number',
          ]);
        } catch (error) {
          if (!(error instanceof ProtocolError) && !(error instanceof JsonError)) throw error;
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['a number for a name', [1, 'look', 5, 1, 'c', 't', 0]],
    ['no depth', ['stock', 'look', 5, null, 'c', 't', 0]],
    ['a negative time', ['stock', 'look', -5, 1, 'c', 't', 0]],
    ['a step without its direction', ['stock', 'look', 5, 1, 'c', 't', { step: { key: 'k', epoch: 1 } }]],
    ['too little', ['stock', 'look']],
    ['an object', { service: 'stock' }],
  ])('with %s ends the connection', (_, list) => {
    expect(() => decodeRequest(JSON.stringify(list))).toThrow(ProtocolError);
  });

  test('with a key that reaches into prototypes, or nested too deep, is refused alone', () => {
    const list = (input: string) => `["stock","look",5,1,"c","t",0,${input}]`;
    for (const key of ['__proto__', '\\u005f_proto__', '__pr\\u006Fto__'])
      expect(() => decodeRequest(list(`[{"a":{"${key}":{}}}]`))).toThrow(JsonError);
    expect(decodeRequest(list('{"__proto":1,"text":"\\u0000 __proto__"}')).input).toEqual({ __proto: 1, text: '\u0000 __proto__' });
    const deep = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(() => decodeRequest(list(deep(100)))).toThrow('nested deeper than 100');
    expect(() => decodeRequest(list(deep(1_000_000)))).toThrow(JsonError);
    expect(() => decodeRequest(list(deep(99)))).not.toThrow();
    expect(decodeRequest(list(JSON.stringify('"[[[\\'.repeat(200)))).input).toBe('"[[[\\'.repeat(200));
  });
});

describe('a reply', () => {
  const replies: fc.Arbitrary<Reply> = fc.oneof(
    fc.record({ ok: fc.constant(true as const), value: fc.option(json, { nil: undefined }) }),
    fc.record({
      ok: fc.constant(false as const),
      kind: fc.constant('declared' as const),
      error: text,
      status: fc.integer({ min: 400, max: 599 }),
      data: json,
    }),
    fc.record(
      {
        ok: fc.constant(false as const),
        kind: fc.constant('fault' as const),
        code: fc.constantFrom('Unavailable' as const, 'BadRequest' as const),
        detail: text,
        issues: fc.array(fc.record({ path: text, message: text }), { maxLength: 3 }),
        executed: fc.constantFrom('no' as const, 'unknown' as const),
        retryAfterMs: fc.nat(),
      },
      { requiredKeys: ['ok', 'kind', 'code', 'detail', 'issues', 'executed'] },
    ),
  );

  test('arrives as it was sent', () => {
    fc.assert(
      fc.property(replies, (reply) => {
        fc.pre(!JSON.stringify(reply).includes('__proto__'));
        expect(decodeReply(replyKind(reply), encodeReply(reply))).toEqual(reply);
      }),
    );
  });

  test('with a code of a later version is still a fault', () => {
    const later = JSON.stringify({
      code: 'QuotaOfTomorrow',
      detail: 'come back',
      issues: 'none',
      executed: 'maybe',
      retryAfterMs: 'soon',
      more: 1,
    });
    expect(decodeReply(OUTCOME.fault, later)).toEqual({
      ok: false,
      kind: 'fault',
      code: 'Internal',
      detail: 'QuotaOfTomorrow: come back',
      issues: [],
      executed: 'unknown',
    });
  });

  test('is refused without any other effect, whatever it holds', () => {
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.oneof(
          text,
          json.map((value) => JSON.stringify(value)),
        ),
        (outcome, given) => {
          try {
            decodeReply(outcome, given);
          } catch (error) {
            if (!(error instanceof ProtocolError) && !(error instanceof JsonError)) throw error;
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

test('what JSON would change is refused wherever it stands', () => {
  const numbers = fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
  fc.assert(
    fc.property(json, numbers, fc.array(fc.oneof(fc.constant(0), text), { maxLength: 5 }), (beside, number, path) => {
      fc.pre(!path.includes('__proto__') && !path.includes('toJSON'));
      const value = path.reduce<unknown>((inner, step) => (step === 0 ? [beside, inner] : { beside, [step as string]: inner }), number);
      expect(() => encodeJson(value)).toThrow(JsonError);
    }),
  );
  expect(decodeJson(encodeJson({ a: null, b: [null, 'null'] }))).toEqual({ a: null, b: [null, 'null'] });
});

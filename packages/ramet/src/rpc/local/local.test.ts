import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeJson, encodeJson, isPlainJson, realPlatform } from '../../platform/index.ts';
import { ANONYMOUS } from '../../security/index.ts';
import { transportConformance } from '../conformance.ts';
import { RpcFixture } from '../fixture.conformance.ts';
import { type CallMeta, DEFAULT_POLICY, type Dispatcher, Edge, NEVER, Outbound, type Reply } from '../index.ts';
import { localTransport } from './index.ts';

const harness = {
  capabilities: localTransport(new Map()).capabilities,
  platform: realPlatform(),
  connect: async (dispatchers: ReadonlyMap<string, Dispatcher>) => ({ transport: localTransport(dispatchers), close: async () => {} }),
};

transportConformance('local', harness);

describe('an edge', () => {
  const broken: Dispatcher = {
    call: () => Promise.reject(new TypeError('a dispatcher that breaks its promise')),
    stream: () => {
      throw new TypeError('at once');
    },
  };

  test('answers with a fault for a dispatcher that rejects', async () => {
    const rpc = new RpcFixture(harness);
    const policy = { ...DEFAULT_POLICY, retries: 0, bulkhead: 1 };
    const edge = new Edge(new Outbound(rpc.platform, 'tests'), localTransport(new Map([['broken', broken]])), 'broken', policy);
    const operation = { kind: 'command', service: 'broken', name: 'do' } as const;
    for (let i = 0; i < 3; i++)
      expect(await edge.call(operation, {}, rpc.origin())).toMatchObject({ kind: 'fault', code: 'Internal', executed: 'unknown' });
    await expect(edge.stream({ ...operation, kind: 'stream' }, {}, rpc.origin()).next()).rejects.toMatchObject({ code: 'Internal' });
    expect(edge.busy).toBe(0);
  });

  test('leaves no listener on the signal of its caller', async () => {
    const rpc = new RpcFixture(harness);
    rpc.host('echo', {
      calls: { say: (input) => input },
      streams: {
        async *twice(input) {
          yield input;
          yield input;
        },
      },
    });
    const edge = await rpc.edge('echo', { bulkhead: 100 });
    const controller = new AbortController();
    let listeners = 0;
    const { addEventListener, removeEventListener } = controller.signal;
    controller.signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners++;
      addEventListener.apply(controller.signal, args);
    };
    controller.signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners--;
      removeEventListener.apply(controller.signal, args);
    };
    const origin = { ...rpc.origin(), signal: controller.signal };
    await Promise.all(Array.from({ length: 50 }, (_, i) => edge.call({ kind: 'query', service: 'echo', name: 'say' }, i, origin)));
    for await (const _ of edge.stream({ kind: 'stream', service: 'echo', name: 'twice' }, 1, origin)) break;
    expect(listeners).toBe(0);
  });
});

describe('what a call brings within a process is what it brings over a wire', () => {
  const meta: CallMeta = { caller: ANONYMOUS, trace: { correlationId: 'c', traceparent: 't' }, timeoutMs: 1_000, depth: 0 };
  const target = { service: 'echo', operation: 'say' };
  /** What the dispatcher was given, and what came back of `answer`. */
  const ask = async (input: unknown, answer: Reply = { ok: true, value: 1 }, beside: Partial<CallMeta> = {}) => {
    const seen: unknown[] = [];
    const echo: Dispatcher = {
      call: async (_, given) => {
        seen.push(given);
        return answer;
      },
      async *stream(_, given) {
        seen.push(given);
        yield answer;
        yield { ok: true, value: 'behind' };
      },
    };
    const transport = localTransport(new Map([['echo', echo]]));
    const reply = await transport.call(target, input, { ...meta, ...beside }, NEVER);
    const answers: Reply[] = [];
    for await (const each of transport.stream(target, input, { ...meta, ...beside }, NEVER)) answers.push(each);
    return { seen, reply, answers };
  };
  /** As JSON has a value; undefined stands for one that it cannot have. */
  const asJson = (value: unknown): { value: unknown } | undefined => {
    try {
      const text = encodeJson([value]);
      return { value: (decodeJson(`{"list":${text}}`) as { list: unknown[] }).list[0] };
    } catch {
      return undefined;
    }
  };
  class Point {
    x = 1;
    get y() {
      return 2;
    }
  }
  const circle: Record<string, unknown> = {};
  circle['a'] = circle;
  circle['b'] = circle;
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
  const throwing = {
    get a() {
      throw new Error('no');
    },
  };
  const odd = {
    'minus zero': { n: -0 },
    'a field that is undefined': { a: undefined, b: 1 },
    NaN: { a: [Number.NaN] },
    'a bigint': { a: 1n },
    'a date': new Date(0),
    'a map': new Map([[1, 2]]),
    'an instance of a class': new Point(),
    'a getter': {
      get a() {
        return 1;
      },
    },
    'a getter that throws': throwing,
    toJSON: { toJSON: () => ({ a: 1 }) },
    'a circle': circle,
    'a hole': { list: Object.assign(Array(2), { 1: 1 }) },
    'a function': { f: () => 1 },
    'a symbol': { s: Symbol('s') },
    'a key that reaches into prototypes': JSON.parse('{"__proto__":1}'),
    'no prototype': Object.assign(Object.create(null), { a: 1 }),
    'a hundred levels': deep(97),
    'too many levels': deep(101),
    'an invalid date': { at: new Date(Number.NaN) },
    'half a surrogate pair': { a: '\ud800' },
  };

  test.each(Object.entries(odd))('%s', async (_, value) => {
    const expected = asJson(value);
    const { seen, reply, answers } = await ask(value);
    if (expected) expect(seen).toStrictEqual([expected.value, expected.value]);
    else {
      expect(seen).toEqual([]);
      expect([reply, ...answers]).toEqual([
        expect.objectContaining({ code: 'BadRequest', executed: 'no' }),
        expect.objectContaining({ code: 'BadRequest', executed: 'no' }),
      ]);
    }
    const back = await ask(1, { ok: true, value });
    if (expected)
      expect([back.reply, back.answers[0]]).toStrictEqual([
        { ok: true, value: expected.value },
        { ok: true, value: expected.value },
      ]);
    else {
      expect(back.reply).toMatchObject({ code: 'InvalidOutput', executed: 'unknown' });
      expect(back.answers).toEqual([expect.objectContaining({ code: 'InvalidOutput' })]);
    }
  });

  test('any other value, seen at a glance to be plain or not', async () => {
    const value = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
    } as object);
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        if (given === undefined) return;
        const expected = asJson(given);
        const { seen } = await ask(given);
        if (isPlainJson(given)) expect(JSON.stringify(given)).toBe(JSON.stringify(expected?.value));
        if (expected) expect(JSON.stringify(seen[0])).toBe(JSON.stringify(expected.value));
        else expect(seen).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  test('what is larger than a wire takes is refused before anything happens, and as an answer afterwards', async () => {
    const large = 'ä'.repeat(2 * 2 ** 20);
    const { seen, reply } = await ask({ large });
    expect(seen).toEqual([]);
    expect(reply).toMatchObject({ code: 'PayloadTooLarge', executed: 'no' });
    expect((await ask(1, { ok: true, value: { large } })).reply).toMatchObject({ code: 'PayloadTooLarge', executed: 'unknown' });
    expect((await ask({ fits: 'x'.repeat(4 * 2 ** 20 - 200) })).seen).toHaveLength(2);
  });

  test('a key beside the input that no wire takes is refused', async () => {
    const { seen, reply } = await ask({}, undefined, { key: 'k'.repeat(4_097) });
    expect(seen).toEqual([]);
    expect(reply).toMatchObject({ code: 'BadRequest', executed: 'no' });
  });
});

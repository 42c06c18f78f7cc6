import { expect } from 'vitest';
import type { Case } from '../platform/cases.conformance.ts';
import { ANONYMOUS } from '../security/index.ts';
import { command, faulty, type Handlers, type OnRpc, query } from './fixture.conformance.ts';
import { type CallMeta, Canceller, type Fault, NEVER, type Reply, type Transport } from './index.ts';

const meta: CallMeta = {
  caller: ANONYMOUS,
  trace: { correlationId: 'cor_1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
  depth: 1,
  timeoutMs: 5_000,
};
const target = { service: 'stock', operation: 'look' };
const calling = (transport: Transport, input: unknown = {}) => transport.call(target, input, meta, NEVER);
const instancesOf = (transport: Transport) => transport.instances?.('stock') ?? [];
const naming = (name: string): Handlers => ({ calls: { look: () => name } });
const never = () => new Promise<never>(() => {});

/** Cases about transports between processes: limits, several instances, and ends, in good order and otherwise. */
export function remoteCases(it: Case, onRpc: OnRpc): void {
  it(
    'refuses what is too large, and continues with everything else',
    onRpc(async (rpc) => {
      let calls = 0;
      const large = 'x'.repeat(rpc.payloadBytes);
      await rpc.remotes('stock', {
        calls: {
          look: (input) => {
            calls++;
            return input === 'answer' ? large : input;
          },
        },
        streams: {
          async *list() {
            yield 1;
            yield large;
            yield 3;
          },
        },
      });
      const transport = await rpc.transport();
      const beside = [calling(transport, 1), calling(transport, large), calling(transport, 'answer'), calling(transport, 4)];
      expect(await Promise.all(beside)).toEqual([
        { ok: true, value: 1 },
        faulty('PayloadTooLarge', 'no'),
        faulty('PayloadTooLarge', 'unknown'),
        { ok: true, value: 4 },
      ]);
      expect(calls).toBe(3);
      const seen: Reply[] = [];
      for await (const reply of transport.stream({ ...target, operation: 'list' }, {}, meta, NEVER)) seen.push(reply);
      expect(seen).toEqual([{ ok: true, value: 1 }, faulty('PayloadTooLarge', 'unknown')]);
      expect(await calling(transport, large.slice(1_000))).toEqual({ ok: true, value: large.slice(1_000) });
    }),
  );

  it(
    'names the instances of a service, and calls the chosen one',
    onRpc(async (rpc) => {
      await rpc.remotes('stock', naming('a'), naming('b'), naming('c'));
      const transport = await rpc.transport();
      const keys = instancesOf(transport);
      expect(keys).toHaveLength(3);
      for (let i = 0; i < 2; i++) {
        const replies = await Promise.all(keys.map((instance) => transport.call({ ...target, instance }, {}, meta, NEVER)));
        expect(replies).toEqual(['a', 'b', 'c'].map((value) => ({ ok: true, value })));
      }
      const anybody = await Promise.all(Array.from({ length: 30 }, () => calling(transport)));
      expect(new Set(anybody.map((reply) => reply.ok && reply.value))).toEqual(new Set(['a', 'b', 'c']));
      expect(await transport.call({ ...target, instance: 'gone' }, {}, meta, NEVER)).toEqual(faulty('Unavailable', 'no'));
    }),
  );

  it(
    'calls no draining instance while there is another one, and lets its calls end',
    onRpc(async (rpc) => {
      let release: () => void = () => {};
      const open = new Promise<void>((resolve) => {
        release = resolve;
      });
      const slow: Handlers = { calls: { look: () => open.then(() => 'a') } };
      const { servers } = await rpc.remotes('stock', slow, naming('b'));
      const [first, second] = servers;
      const transport = await rpc.transport();
      const [key, other] = instancesOf(transport) as [string, string];
      const underWay = transport.call({ ...target, instance: key }, {}, meta, NEVER);
      await rpc.until('it is under way', () => first?.inFlight === 1);
      await first?.drain();
      expect(instancesOf(transport)).toEqual([other]);
      for (let i = 0; i < 10; i++) expect(await calling(transport)).toEqual({ ok: true, value: 'b' });
      release();
      expect(await underWay).toEqual({ ok: true, value: 'a' });
      expect([first?.inFlight, second?.inFlight]).toEqual([0, 0]);
      await first?.close();
      for (let i = 0; i < 10; i++) expect(await calling(transport)).toEqual({ ok: true, value: 'b' });
    }),
  );

  it(
    'calls the only instance even while it drains',
    onRpc(async (rpc) => {
      const { servers } = await rpc.remotes('stock', naming('a'));
      const transport = await rpc.transport();
      expect(await calling(transport)).toEqual({ ok: true, value: 'a' });
      await servers[0]?.drain();
      expect(instancesOf(transport)).toHaveLength(1);
      expect(await calling(transport)).toEqual({ ok: true, value: 'a' });
    }),
  );

  it(
    'loses no call while one instance after another drains and ends under load',
    onRpc(async (rpc) => {
      const work = (name: string): Handlers => ({
        calls: {
          look: async () => {
            await rpc.platform.timers.sleep(3);
            return name;
          },
        },
      });
      const { servers } = await rpc.remotes('stock', work('a'), work('b'), work('c'));
      const transport = await rpc.transport();
      const failed: Reply[] = [];
      const by = new Set<unknown>();
      let stop = false;
      const load = Array.from({ length: 20 }, async () => {
        while (!stop) {
          const reply = await calling(transport);
          if (reply.ok) by.add(reply.value);
          else failed.push(reply);
        }
      });
      for (const server of servers.slice(0, 2)) {
        await rpc.platform.timers.sleep(30);
        await server.drain();
        await rpc.until('nothing is under way', () => server.inFlight === 0);
        await server.close();
      }
      await rpc.platform.timers.sleep(30);
      stop = true;
      await Promise.all(load);
      expect(failed).toEqual([]);
      expect(by).toEqual(new Set(['a', 'b', 'c']));
    }),
  );

  it(
    'says, when the other side ends, whether anything may have been done, and aborts its handlers',
    onRpc(async (rpc) => {
      const aborted: unknown[] = [];
      const { servers } = await rpc.remotes('stock', {
        calls: {
          look: (input, { signal }) => {
            signal.addEventListener('abort', () => aborted.push(input));
            return never();
          },
        },
      });
      const transport = await rpc.transport();
      const underWay = calling(transport, 1);
      await rpc.until('it is under way', () => servers[0]?.inFlight === 1);
      await servers[0]?.close();
      expect(await underWay).toEqual(faulty('Unavailable', 'unknown'));
      expect(aborted).toEqual([1]);
      expect(await calling(transport)).toEqual(faulty('Unavailable', 'no'));
    }),
  );

  it(
    'says, when the connection is cut, that anything may have been done, aborts the handlers, and reconnects',
    onRpc(async (rpc) => {
      let aborted = 0;
      const { servers, cut } = await rpc.remotes('stock', {
        calls: {
          look: (waits, { signal }) => {
            signal.addEventListener('abort', () => aborted++);
            return waits === true ? never() : 'here';
          },
        },
        streams: {
          async *list() {
            yield 1;
            await never();
          },
        },
      });
      const transport = await rpc.transport();
      const stream = transport.stream({ ...target, operation: 'list' }, {}, meta, NEVER)[Symbol.asyncIterator]();
      expect(await stream.next()).toEqual({ done: false, value: { ok: true, value: 1 } });
      const underWay = [calling(transport, true), calling(transport, true)];
      await rpc.until('all are under way', () => servers[0]?.inFlight === 3);
      cut();
      expect(await Promise.all(underWay)).toEqual([faulty('Unavailable', 'unknown'), faulty('Unavailable', 'unknown')]);
      expect(await stream.next()).toEqual({ done: false, value: faulty('Unavailable', 'unknown') });
      expect(await stream.next()).toEqual({ done: true, value: undefined });
      await rpc.until('the handlers are aborted', () => aborted === 2);
      const edge = await rpc.edge('stock');
      expect(await edge.call(query('stock', 'look'), {}, rpc.origin())).toEqual({ ok: true, value: 'here' });
    }),
  );

  it(
    'buffers little of a stream with a slow reader, and answers other calls meanwhile',
    onRpc(async (rpc) => {
      let made = 0;
      await rpc.remotes('stock', {
        calls: { look: () => 'here' },
        streams: {
          async *list() {
            for (;;) {
              made++;
              yield 'x'.repeat(10_000);
            }
          },
        },
      });
      const transport = await rpc.transport();
      const streams = Array.from({ length: 5 }, () =>
        transport.stream({ ...target, operation: 'list' }, {}, meta, NEVER)[Symbol.asyncIterator](),
      );
      await Promise.all(streams.map((stream) => stream.next()));
      await rpc.platform.timers.sleep(50);
      // Of each, no more than a window of a megabyte.
      expect(made).toBeLessThan(5 * 100);
      const before = made;
      expect(await calling(transport)).toEqual({ ok: true, value: 'here' });
      for (let i = 0; i < 300; i++) for (const stream of streams) expect((await stream.next()).value).toMatchObject({ ok: true });
      expect(made).toBeGreaterThan(before + 1_000);
      await Promise.all(streams.map((stream) => stream.return?.()));
    }),
  );

  it(
    'keeps a thousand concurrent streams apart',
    onRpc(async (rpc) => {
      await rpc.remotes('stock', {
        streams: {
          async *list(n) {
            for (let i = 0; i < 3; i++) {
              if (n % 7 === 0) await rpc.platform.timers.yield();
              yield [n, i];
            }
          },
        },
      });
      const transport = await rpc.transport();
      const read = async (n: number) => {
        const values: unknown[] = [];
        for await (const reply of transport.stream({ ...target, operation: 'list' }, n, meta, NEVER)) values.push(reply.ok && reply.value);
        return values;
      };
      const all = await Promise.all(Array.from({ length: 1_000 }, (_, n) => read(n)));
      for (const [n, values] of all.entries())
        expect(values).toEqual([
          [n, 0],
          [n, 1],
          [n, 2],
        ]);
    }),
  );

  it(
    'gives the handler the caller and its initiator, as they were signed',
    onRpc(async (rpc) => {
      await rpc.remotes('stock', { calls: { look: (_, call) => call.meta.caller } });
      const callers = [
        { kind: 'user', subject: 'usr_ä', scopes: ['a', 'b'], initiator: 'usr_1' },
        { kind: 'service', subject: 'orders', scopes: [] },
        ANONYMOUS,
      ] as const;
      const transport = await rpc.transport();
      for (const caller of [...callers, ...callers])
        expect(await transport.call(target, {}, { ...meta, caller }, NEVER)).toEqual({ ok: true, value: caller });
    }),
  );

  it(
    'claims that nothing was done for a call that was cancelled at once only where that is true',
    onRpc(async (rpc) => {
      let calls = 0;
      await rpc.remotes('stock', { calls: { look: () => ++calls } });
      const transport = await rpc.transport();
      const edge = await rpc.edge('stock');
      // The first while there is no connection yet.
      for (let round = 0; round < 4; round++) {
        const before = calls;
        const canceller = new Canceller();
        const reply = transport.call(target, {}, meta, canceller);
        canceller.cancel(new Error('gone'));
        expect(await reply).toMatchObject({ code: 'Cancelled' });
        expect(await transport.call(target, {}, meta, canceller)).toEqual(faulty('Cancelled', 'no'));
        expect(await edge.call(command('stock', 'look'), {}, rpc.origin())).toMatchObject({ ok: true });
        if (((await reply) as Fault).executed === 'no') expect(calls).toBe(before + 1);
      }
    }),
  );
}

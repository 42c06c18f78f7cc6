import { expect } from 'vitest';
import { DeclaredError, RametError } from '../errors/index.ts';
import type { Case } from '../platform/cases.conformance.ts';
import { command, faulty, type OnRpc, query } from './fixture.conformance.ts';
import { Canceller, type Edge, type Reply } from './index.ts';

/** Cases about calls that are answered once. */
export function callCases(it: Case, onRpc: OnRpc): void {
  it(
    'delivers values unchanged',
    onRpc(async (rpc) => {
      rpc.host('echo', { calls: { say: (input) => input } });
      const echo = await rpc.edge('echo');
      const values = [
        null,
        true,
        '',
        'Größe 😀 \u0000 \u2028 "\\',
        0,
        -1.5,
        1e300,
        Number.MAX_SAFE_INTEGER,
        [],
        {},
        { a: [{ b: [[null]] }], __proto: 1, '': '' },
        'ä'.repeat(500_000),
      ];
      for (const value of values) expect(await echo.call(query('echo', 'say'), value, rpc.origin())).toEqual({ ok: true, value });
    }),
  );

  it(
    'shares nothing between the two sides',
    onRpc(async (rpc) => {
      let kept: { list: string[] } | undefined;
      rpc.host('orders', {
        calls: {
          keep: (input) => {
            kept = input;
            input.list.push('of the handler');
            return input;
          },
        },
      });
      const input = { list: ['of the caller'] };
      const orders = await rpc.edge('orders');
      const reply = (await orders.call(command('orders', 'keep'), input, rpc.origin())) as { value: { list: string[] } };
      expect(input).toEqual({ list: ['of the caller'] });
      input.list.push('changed');
      reply.value.list.push('changed too');
      expect(kept).toEqual({ list: ['of the caller', 'of the handler'] });
    }),
  );

  it(
    'delivers the caller, the trace, the key and the depth of a call',
    onRpc(async (rpc) => {
      rpc.host('orders', { calls: { place: (_, { meta }) => ({ ...meta, timeoutMs: undefined }) } });
      const caller = { kind: 'user', subject: 'usr_ü', scopes: ['orders'], initiator: 'usr_1' } as const;
      const trace = {
        correlationId: 'cor_9',
        causationId: 'evt_9',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
      };
      const step = { key: 'stp_1', epoch: 3, undo: true, reason: 'no stock' };
      const orders = await rpc.edge('orders');
      const origin = { ...rpc.origin(), meta: { caller, trace, depth: 2 } };
      expect(await orders.call(command('orders', 'place'), {}, origin, { key: 'k', step })).toEqual({
        ok: true,
        value: { caller, trace, depth: 3, key: 'k', step, noRetry: true },
      });
    }),
  );

  it(
    'answers a declared failure with its data, and does not retry it',
    onRpc(async (rpc) => {
      let calls = 0;
      rpc.host('stock', {
        calls: {
          reserve: () => {
            calls++;
            throw new DeclaredError('OutOfStock', 409, { sku: 'ä', left: 0 });
          },
        },
      });
      const stock = await rpc.edge('stock');
      expect(await stock.call(query('stock', 'reserve'), {}, rpc.origin())).toEqual({
        ok: false,
        kind: 'declared',
        error: 'OutOfStock',
        status: 409,
        data: { sku: 'ä', left: 0 },
      });
      expect(calls).toBe(1);
    }),
  );

  it(
    'answers a fault with its code, its issues, and whether anything was done',
    onRpc(async (rpc) => {
      rpc.host('stock', {
        calls: {
          refuse: () => {
            throw new RametError('BadRequest', 'no', { issues: [{ path: 'lines.0', message: 'is missing' }] });
          },
          fail: () => {
            throw new Error('secret of the inside');
          },
        },
      });
      const stock = await rpc.edge('stock', { retries: 0 });
      expect(await stock.call(command('stock', 'refuse'), {}, rpc.origin())).toEqual({
        ok: false,
        kind: 'fault',
        code: 'BadRequest',
        detail: 'no',
        issues: [{ path: 'lines.0', message: 'is missing' }],
        executed: 'no',
      });
      expect(await stock.call(command('stock', 'fail'), {}, rpc.origin())).toEqual(faulty('Internal', 'unknown'));
      expect(await stock.call(command('stock', 'nothing'), {}, rpc.origin())).toEqual(faulty('UnknownOperation', 'no'));
    }),
  );

  it(
    'answers Unavailable, with nothing done, for a service that no process hosts',
    onRpc(async (rpc) => {
      rpc.host('stock', {});
      const nowhere = await rpc.edge('nowhere');
      expect(await nowhere.call(command('nowhere', 'do'), {}, rpc.origin())).toEqual(faulty('Unavailable', 'no'));
    }),
  );

  it(
    'keeps a thousand concurrent calls apart',
    onRpc(async (rpc) => {
      rpc.host('echo', {
        calls: {
          say: async (n) => {
            if (n % 3 === 0) await rpc.platform.timers.sleep(n % 7);
            if (n % 5 === 0) throw new DeclaredError('Fifth', 400, { n });
            return n;
          },
        },
      });
      const echo = await rpc.edge('echo', { bulkhead: 1_000 });
      const replies = await Promise.all(Array.from({ length: 1_000 }, (_, n) => echo.call(query('echo', 'say'), n, rpc.origin())));
      for (const [n, reply] of replies.entries())
        expect(reply).toEqual(n % 5 === 0 ? expect.objectContaining({ error: 'Fifth', data: { n } }) : { ok: true, value: n });
      expect(echo.busy).toBe(0);
    }),
  );

  it(
    'gives less and less time along a chain of calls',
    onRpc(async (rpc) => {
      const given: number[] = [];
      const edges: Edge[] = [];
      rpc.host('chain', {
        calls: {
          go: async (n, { meta, origin }) => {
            given.push(meta.timeoutMs);
            await rpc.platform.timers.sleep(5);
            if (n > 0) await edges[0]?.call(query('chain', 'go'), n - 1, origin);
            return null;
          },
        },
      });
      edges.push(await rpc.edge('chain', { timeoutMs: 9_000 }));
      await edges[0]?.call(query('chain', 'go'), 4, rpc.origin(), { timeout: '8s' });
      expect(given).toHaveLength(5);
      // A millisecond less than it was given, but for what is lost in adding and taking away fractions of milliseconds.
      expect(given[0]).toBeLessThan(7_999.001);
      for (const [i, timeoutMs] of given.slice(1).entries()) expect(timeoutMs).toBeLessThan((given[i] as number) - 4);
    }),
  );

  it(
    'answers DeadlineExceeded when the time is over, and aborts the handler',
    onRpc(async (rpc) => {
      let begun = 0;
      let aborted = 0;
      rpc.host('slow', {
        calls: {
          wait: (_, { signal }) => {
            begun++;
            return new Promise(() => {
              signal.addEventListener('abort', () => aborted++);
            });
          },
        },
      });
      await rpc.withEnoughTime(async (timeoutMs) => {
        const slow = await rpc.edge('slow', { timeoutMs });
        const startedMono = rpc.platform.clock.monoNow();
        expect(await slow.call(command('slow', 'wait'), {}, rpc.origin())).toEqual(faulty('DeadlineExceeded', 'unknown'));
        expect(rpc.platform.clock.monoNow() - startedMono).toBeGreaterThan(timeoutMs - 2);
        expect(slow.busy).toBe(0);
        return begun > 0;
      });
      await rpc.until('the handler is aborted', () => aborted === begun);
    }),
  );

  it(
    'makes no call when the caller has no time left',
    onRpc(async (rpc) => {
      let calls = 0;
      rpc.host('stock', { calls: { look: () => ++calls } });
      const stock = await rpc.edge('stock');
      const late = rpc.origin({ remainingMs: () => 0.5 });
      expect(await stock.call(query('stock', 'look'), {}, late)).toEqual(faulty('DeadlineExceeded', 'no'));
      expect(calls).toBe(0);
    }),
  );

  it(
    'cancels a whole chain when its caller is cancelled',
    onRpc(async (rpc) => {
      const aborted: string[] = [];
      let arrived = false;
      const edges: Edge[] = [];
      rpc.host('chain', {
        calls: {
          go: async (n, { signal, origin }) => {
            signal.addEventListener('abort', () => aborted.push(`${n}`));
            if (n > 0) return edges[0]?.call(query('chain', 'go'), n - 1, origin);
            arrived = true;
            return new Promise(() => {});
          },
        },
      });
      edges.push(await rpc.edge('chain'));
      const canceller = new Canceller();
      const reply = edges[0]?.call(query('chain', 'go'), 2, rpc.origin({ canceller }));
      await rpc.until('the last one is called', () => arrived);
      canceller.cancel(new RametError('Cancelled'));
      expect(await reply).toEqual(faulty('Cancelled', 'unknown'));
      await rpc.until('all three are aborted', () => aborted.length === 3);
      expect(aborted.toSorted()).toEqual(['0', '1', '2']);
      expect(await edges[0]?.call(query('chain', 'go'), 0, rpc.origin({ canceller }))).toEqual(faulty('Cancelled', 'no'));
    }),
  );

  it(
    'ends a cycle of calls at a depth of eight',
    onRpc(async (rpc) => {
      const depths: number[] = [];
      const edges: Edge[] = [];
      rpc.host('circle', {
        calls: {
          round: async (_, { meta, origin }) => {
            depths.push(meta.depth);
            const reply = (await edges[0]?.call(query('circle', 'round'), {}, origin)) as Reply;
            return reply.ok ? reply.value : (reply as { code: string }).code;
          },
        },
      });
      edges.push(await rpc.edge('circle'));
      expect(await edges[0]?.call(query('circle', 'round'), {}, rpc.origin())).toEqual({ ok: true, value: 'CallTooDeep' });
      expect(depths).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    }),
  );
}

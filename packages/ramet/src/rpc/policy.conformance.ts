import { expect } from 'vitest';
import { RametError } from '../errors/index.ts';
import type { Case } from '../platform/cases.conformance.ts';
import { command, faulty, type OnRpc, query, type RpcFixture } from './fixture.conformance.ts';
import { Canceller, type Edge, type Reply } from './index.ts';

/** Cases about what an edge does by its policy: tries again, lets wait, refuses. */
export function policyCases(it: Case, onRpc: OnRpc): void {
  it(
    'retries only calls that are safe to repeat or were certainly not executed',
    onRpc(async (rpc) => {
      let calls = 0;
      rpc.host('stock', {
        calls: {
          fail: ({ code, executed }) => {
            calls++;
            throw new RametError(code, 'no', { executed });
          },
        },
      });
      const stock = await rpc.edge('stock', { retries: 2, breaker: false });
      const callsFor = async (kind: typeof query | typeof command, input: object, options = {}) => {
        calls = 0;
        const reply = await stock.call(kind('stock', 'fail'), input, rpc.origin(), options);
        expect(reply).toMatchObject({ ok: false, ...input });
        return calls;
      };
      const unknown = { code: 'Unavailable', executed: 'unknown' };
      const notDone = { code: 'Unavailable', executed: 'no' };
      const pointless = { code: 'BadRequest', executed: 'no' };
      const handlers = { code: 'Internal', executed: 'unknown' };
      expect(await callsFor(query, unknown)).toBe(3);
      expect(await callsFor(command, unknown)).toBe(1);
      expect(await callsFor(command, unknown, { key: 'k' })).toBe(3);
      expect(await callsFor(command, notDone)).toBe(3);
      expect(await callsFor(query, pointless)).toBe(1);
      expect(await callsFor(query, handlers)).toBe(1);
      expect(await callsFor(query, unknown, { step: { key: 's', epoch: 1, undo: false } })).toBe(1);
    }),
  );

  it(
    'resolves with the first attempt that succeeds',
    onRpc(async (rpc) => {
      let calls = 0;
      rpc.host('stock', {
        calls: {
          look: () => {
            if (++calls < 3) throw new RametError('Unavailable');
            return calls;
          },
        },
      });
      const stock = await rpc.edge('stock', { retries: 5 });
      expect(await stock.call(query('stock', 'look'), {}, rpc.origin())).toEqual({ ok: true, value: 3 });
    }),
  );

  it(
    'does not claim that nothing was done when an earlier attempt may have done it',
    onRpc(async (rpc) => {
      let calls = 0;
      rpc.host('stock', {
        calls: {
          reserve: () => {
            throw new RametError('Unavailable', 'no', { executed: ++calls === 1 ? 'unknown' : 'no' });
          },
        },
      });
      const stock = await rpc.edge('stock', { retries: 1 });
      expect(await stock.call(command('stock', 'reserve'), {}, rpc.origin(), { key: 'k' })).toEqual(faulty('Unavailable', 'unknown'));
      expect(calls).toBe(2);
    }),
  );

  it(
    'waits for the requested time before a retry, but not beyond the deadline',
    onRpc(async (rpc) => {
      const startsMono: number[] = [];
      rpc.host('stock', {
        calls: {
          look: (retryAfterMs) => {
            startsMono.push(rpc.platform.clock.monoNow());
            throw new RametError('TooManyRequests', 'no', { retryAfterMs });
          },
        },
      });
      const stock = await rpc.edge('stock', { retries: 1, timeoutMs: 5_000 });
      expect(await stock.call(query('stock', 'look'), 30, rpc.origin())).toMatchObject({ code: 'TooManyRequests', retryAfterMs: 30 });
      expect((startsMono[1] as number) - (startsMono[0] as number)).toBeGreaterThan(28);
      startsMono.length = 0;
      expect(await stock.call(query('stock', 'look'), 6_000, rpc.origin())).toMatchObject({ code: 'TooManyRequests' });
      expect(startsMono).toHaveLength(1);
    }),
  );

  it(
    'ends the pause before a retry when the caller is cancelled',
    onRpc(async (rpc) => {
      let calls = 0;
      rpc.host('stock', {
        calls: {
          look: () => {
            calls++;
            throw new RametError('Unavailable', 'no', { retryAfterMs: 3_000, executed: 'unknown' });
          },
        },
      });
      const stock = await rpc.edge('stock');
      const canceller = new Canceller();
      const reply = stock.call(query('stock', 'look'), {}, rpc.origin({ canceller }));
      await rpc.until('the first attempt', () => calls === 1);
      await rpc.platform.timers.sleep(5);
      canceller.cancel(new RametError('Cancelled'));
      expect(await reply).toEqual(faulty('Cancelled', 'unknown'));
      expect(calls).toBe(1);
    }),
  );

  it(
    'admits calls up to the limit of an edge, queues as many, and refuses the rest',
    onRpc(async (rpc) => {
      const { slow, release, started } = await gate(rpc, { bulkhead: 3, retries: 0 });
      const replies = Array.from({ length: 8 }, (_, i) => slow.call(command('slow', 'wait'), i, rpc.origin()));
      const outcomes: Reply[] = [];
      for (const reply of replies) void reply.then((outcome) => outcomes.push(outcome));
      await rpc.until('three run', () => started.length === 3);
      await rpc.until('two are refused', () => outcomes.length === 2);
      expect(outcomes).toEqual([faulty('BulkheadFull', 'no'), faulty('BulkheadFull', 'no')]);
      release();
      await rpc.until('the others are answered', () => outcomes.length === 8);
      expect(started).toEqual([0, 1, 2, 3, 4, 5]);
      expect(slow.busy).toBe(0);
    }),
  );

  it(
    'leaves the queue of an edge at the deadline, or when the caller is cancelled, with nothing done',
    onRpc(async (rpc) => {
      const { slow, release, started } = await gate(rpc, { bulkhead: 1, retries: 0 });
      const running = slow.call(command('slow', 'wait'), 'running', rpc.origin());
      await rpc.until('one runs', () => started.length === 1);
      const canceller = new Canceller();
      const leaving = slow.call(command('slow', 'wait'), 'leaving', rpc.origin({ canceller }));
      canceller.cancel(new RametError('Cancelled'));
      expect(await leaving).toEqual(faulty('Cancelled', 'no'));
      const late = slow.call(command('slow', 'wait'), 'late', rpc.origin(), { timeoutMs: 20 });
      expect(await late).toEqual(faulty('DeadlineExceeded', 'no'));
      const patient = slow.call(command('slow', 'wait'), 'patient', rpc.origin());
      release();
      expect([await running, await patient].every((reply) => reply.ok)).toBe(true);
      expect(started).toEqual(['running', 'patient']);
      expect(slow.busy).toBe(0);
    }),
  );

  it(
    'sends no call for a caller that was cancelled in the moment when a place became free',
    onRpc(async (rpc) => {
      let release: (() => void) | undefined;
      let canceller = new Canceller();
      const wanted: boolean[] = [];
      rpc.host('slow', {
        calls: {
          wait: (waits) => {
            if (waits)
              return new Promise((resolve) => {
                release = () => resolve(null);
              });
            wanted.push(!canceller.cancelled);
            return null;
          },
        },
      });
      const slow = await rpc.edge('slow', { bulkhead: 1 });
      for (let turns = 0; turns < 40; turns++) {
        canceller = new Canceller();
        const running = slow.call(command('slow', 'wait'), true, rpc.origin());
        const next = slow.call(command('slow', 'wait'), false, rpc.origin({ canceller }));
        await rpc.until('one runs', () => release !== undefined);
        release?.();
        release = undefined;
        for (let turn = 0; turn < turns; turn++) await undefined;
        canceller.cancel(new RametError('Cancelled'));
        await Promise.all([running, next]);
        expect(slow.busy).toBe(0);
      }
      expect(wanted.every(Boolean)).toBe(true);
      expect(wanted.length).toBeLessThan(40);
    }),
  );
}

/** A service whose calls wait until `release`. */
async function gate(
  rpc: RpcFixture,
  policy: { bulkhead: number; retries: number },
): Promise<{ slow: Edge; release: () => void; started: unknown[] }> {
  let release: () => void = () => {};
  const open = new Promise<void>((resolve) => {
    release = resolve;
  });
  const started: unknown[] = [];
  rpc.host('slow', {
    calls: {
      wait: async (input) => {
        started.push(input);
        await open;
        return input;
      },
    },
  });
  return { slow: await rpc.edge('slow', policy), release, started };
}

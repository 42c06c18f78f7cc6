import { expect } from 'vitest';
import { RametError } from '../errors/index.ts';
import type { Case } from '../platform/cases.conformance.ts';
import { serviceCaller } from '../security/index.ts';
import { command, faulty, type OnRpc, query } from './fixture.conformance.ts';
import { type CallMeta, Canceller, NEVER } from './index.ts';

/** Cases about what arrives on the other side, and what is not sent at all. */
export function valueCases(it: Case, onRpc: OnRpc): void {
  it(
    'distinguishes undefined from null',
    onRpc(async (rpc) => {
      const seen: unknown[] = [];
      rpc.host('echo', {
        calls: {
          say: (input) => {
            seen.push(input);
            return input;
          },
        },
      });
      const echo = await rpc.edge('echo');
      expect(await echo.call(query('echo', 'say'), undefined, rpc.origin())).toEqual({ ok: true, value: undefined });
      expect(await echo.call(query('echo', 'say'), null, rpc.origin())).toEqual({ ok: true, value: null });
      expect(seen).toEqual([undefined, null]);
    }),
  );

  it(
    'delivers values as JSON has them: no undefined fields, -0 as 0, a date as text',
    onRpc(async (rpc) => {
      let seen: unknown;
      rpc.host('echo', {
        calls: {
          say: (input) => {
            seen = input;
            return [-0, new Date(0)];
          },
        },
      });
      const echo = await rpc.edge('echo');
      const input = { gone: undefined, list: [undefined, -0], at: new Date(1) };
      const reply = await echo.call(query('echo', 'say'), input, rpc.origin());
      expect(seen).toStrictEqual({ list: [null, 0], at: '1970-01-01T00:00:00.001Z' });
      expect(reply).toStrictEqual({ ok: true, value: [0, '1970-01-01T00:00:00.000Z'] });
    }),
  );

  it(
    'refuses values that JSON would silently change, in both directions',
    onRpc(async (rpc) => {
      let calls = 0;
      const circle: unknown[] = [];
      circle.push(circle);
      const strange: Record<string, unknown> = { nan: { a: [Number.NaN] }, infinity: Number.NEGATIVE_INFINITY, bigint: 1n, circle };
      rpc.host('echo', {
        calls: {
          say: () => ++calls,
          answer: (name) => strange[name],
        },
      });
      const echo = await rpc.edge('echo');
      for (const [name, value] of Object.entries(strange)) {
        expect(await echo.call(command('echo', 'say'), value, rpc.origin())).toEqual(faulty('BadRequest', 'no'));
        expect(await echo.call(command('echo', 'answer'), name, rpc.origin())).toEqual(faulty('InvalidOutput', 'unknown'));
      }
      expect(calls).toBe(0);
      expect(await echo.call(command('echo', 'say'), { null: null, list: [null] }, rpc.origin())).toEqual({ ok: true, value: 1 });
    }),
  );

  it(
    'delivers megabytes in both directions, beside small calls',
    onRpc(async (rpc) => {
      rpc.host('echo', { calls: { say: (input) => input } });
      const echo = await rpc.edge('echo', { bulkhead: 100 });
      const large = {
        lines: Array.from({ length: 30_000 }, (_, i) => ({ sku: `sku-${i}-ä€😀`, quantity: i, note: null, tags: ['a', 'b'] })),
      };
      const say = (value: unknown) => echo.call(query('echo', 'say'), value, rpc.origin());
      const replies = await Promise.all([say(large), say(1), say(large), say('ü')]);
      expect(replies[0]).toEqual({ ok: true, value: large });
      expect(replies[2]).toEqual({ ok: true, value: large });
      expect([replies[1], replies[3]]).toEqual([
        { ok: true, value: 1 },
        { ok: true, value: 'ü' },
      ]);
    }),
  );

  it(
    'delivers all metadata of a call, and nothing else',
    onRpc(async (rpc) => {
      rpc.host('orders', { calls: { place: (_, { meta }) => meta } });
      const transport = await rpc.transport();
      const trace = {
        correlationId: 'cor_1',
        causationId: 'evt_1',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      };
      const meta: CallMeta = {
        caller: serviceCaller('web', { initiator: 'usr_ü' }),
        trace,
        timeoutMs: 4_000,
        depth: 3,
        key: 'ключ-1',
        attempt: 2,
        noRetry: true,
        durable: true,
        ageMs: 86_400_000,
        step: { key: 'sag_1:pay', epoch: 7, undo: true, reason: 'no stock', resolution: 'absent', remainingMs: 30_000 },
      };
      const target = { service: 'orders', operation: 'place' };
      expect(await transport.call(target, {}, meta, NEVER)).toStrictEqual({ ok: true, value: meta });
      const { caller, depth } = meta;
      const least: CallMeta = { caller, trace: { correlationId: 'c', traceparent: 't' }, timeoutMs: 4_000, depth };
      expect(await transport.call(target, {}, least, NEVER)).toStrictEqual({ ok: true, value: least });
    }),
  );

  it(
    'aborts the handler within a tenth of a second after its caller is cancelled',
    onRpc(async (rpc) => {
      let arrived = 0;
      let abortedMono = 0;
      rpc.host('slow', {
        calls: {
          wait: (_, { signal }) => {
            arrived++;
            signal.addEventListener('abort', () => {
              abortedMono = rpc.platform.clock.monoNow();
            });
            return new Promise(() => {});
          },
        },
      });
      const slow = await rpc.edge('slow');
      let quickestMs = Number.POSITIVE_INFINITY;
      // On a busy machine a single try says little.
      for (let tries = 1; tries <= 20 && quickestMs >= 100; tries++) {
        abortedMono = 0;
        const canceller = new Canceller();
        const reply = slow.call(command('slow', 'wait'), {}, rpc.origin({ canceller }));
        await rpc.until('it runs', () => arrived === tries);
        const goneMono = rpc.platform.clock.monoNow();
        canceller.cancel(new RametError('Cancelled'));
        expect(await reply).toEqual(faulty('Cancelled', 'unknown'));
        await rpc.until('it is aborted', () => abortedMono > 0);
        quickestMs = Math.min(quickestMs, abortedMono - goneMono);
      }
      expect(quickestMs).toBeLessThan(100);
    }),
  );
}

import { expect } from 'vitest';
import { DeclaredError, RametError } from '../errors/index.ts';
import type { Case } from '../platform/cases.conformance.ts';
import type { OnRpc, Received } from './fixture.conformance.ts';
import { Canceller, type Edge } from './index.ts';

const follow = (service: string, name: string) => ({ kind: 'stream', service, name }) as const;

async function collected(stream: AsyncIterable<unknown>): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const value of stream) values.push(value);
  return values;
}

/** Cases about calls that are answered many times. */
export function streamCases(it: Case, onRpc: OnRpc): void {
  it(
    'delivers the answers of a stream in order, then ends',
    onRpc(async (rpc) => {
      rpc.host('count', {
        streams: {
          async *to({ n }) {
            for (let i = 0; i < n; i++) {
              if (i % 100 === 0) await rpc.platform.timers.yield();
              yield { i };
            }
          },
        },
      });
      const count = await rpc.edge('count');
      const values = await collected(count.stream(follow('count', 'to'), { n: 1_000 }, rpc.origin()));
      expect(values).toEqual(Array.from({ length: 1_000 }, (_, i) => ({ i })));
      expect(await collected(count.stream(follow('count', 'to'), { n: 0 }, rpc.origin()))).toEqual([]);
    }),
  );

  it(
    'ends the handler when its reader leaves early',
    onRpc(async (rpc) => {
      let ended: Received | undefined;
      rpc.host('count', {
        streams: {
          async *endless(_, call) {
            try {
              for (let i = 0; ; i++) yield i;
            } finally {
              ended = call;
            }
          },
        },
      });
      const count = await rpc.edge('count');
      const seen: unknown[] = [];
      for await (const value of count.stream(follow('count', 'endless'), {}, rpc.origin())) {
        seen.push(value);
        if (seen.length === 3) break;
      }
      expect(seen).toEqual([0, 1, 2]);
      await rpc.until('the handler has ended', () => ended !== undefined);
      await rpc.until('its signal is aborted', () => ended?.signal.aborted === true);
    }),
  );

  it(
    'lets no handler run far ahead of its reader',
    onRpc(async (rpc) => {
      let made = 0;
      rpc.host('count', {
        streams: {
          async *endless() {
            for (;;) {
              yield 'x'.repeat(1_000);
              if (++made % 100 === 0) await rpc.platform.timers.yield();
            }
          },
        },
      });
      const count = await rpc.edge('count');
      const stream = count.stream(follow('count', 'endless'), {}, rpc.origin());
      await stream.next();
      await rpc.platform.timers.sleep(30);
      expect(made).toBeLessThan(2_000);
      await stream.return(undefined);
    }),
  );

  it(
    'throws the failure that ended a stream after its answers',
    onRpc(async (rpc) => {
      rpc.host('count', {
        streams: {
          async *broken({ how }) {
            yield 1;
            yield 2;
            if (how === 'declared') throw new DeclaredError('Moved', 410, { to: 'there' });
            throw how === 'fault' ? new RametError('Unavailable', 'gone') : new Error('inside');
          },
        },
      });
      const count = await rpc.edge('count');
      const outcome = async (how: string) => {
        const values: unknown[] = [];
        try {
          for await (const value of count.stream(follow('count', 'broken'), { how }, rpc.origin())) values.push(value);
        } catch (error) {
          return [...values, error];
        }
        return values;
      };
      const declared = await outcome('declared');
      expect(declared).toEqual([1, 2, expect.any(DeclaredError)]);
      expect(declared[2]).toMatchObject({ error: 'Moved', status: 410, data: { to: 'there' } });
      expect(await outcome('fault')).toEqual([1, 2, expect.objectContaining({ code: 'Unavailable', message: 'gone' })]);
      expect(await outcome('error')).toEqual([1, 2, expect.objectContaining({ code: 'Internal' })]);
    }),
  );

  it(
    'throws when there is no such stream or service',
    onRpc(async (rpc) => {
      rpc.host('count', {});
      const nothing = (await rpc.edge('count')).stream(follow('count', 'nothing'), {}, rpc.origin());
      await expect(nothing.next()).rejects.toMatchObject({ code: 'UnknownOperation', executed: 'no' });
      const nowhere = (await rpc.edge('nowhere')).stream(follow('nowhere', 'to'), {}, rpc.origin());
      await expect(nowhere.next()).rejects.toMatchObject({ code: 'Unavailable', executed: 'no' });
    }),
  );

  it(
    'ends a stream when its caller is cancelled, even if its handler ignores the signal',
    onRpc(async (rpc) => {
      let aborted = 0;
      rpc.host('count', {
        streams: {
          async *deaf(_, { signal }) {
            yield 1;
            signal.addEventListener('abort', () => aborted++);
            await new Promise(() => {});
          },
        },
      });
      const count = await rpc.edge('count');
      const canceller = new Canceller();
      const stream = count.stream(follow('count', 'deaf'), {}, rpc.origin({ canceller }));
      expect(await stream.next()).toEqual({ done: false, value: 1 });
      const next = stream.next();
      await rpc.platform.timers.sleep(10);
      canceller.cancel(new RametError('Cancelled'));
      await expect(next).rejects.toMatchObject({ code: 'Cancelled' });
      await rpc.until('the handler is aborted', () => aborted === 1);
      const again = count.stream(follow('count', 'deaf'), {}, rpc.origin({ canceller }));
      await expect(again.next()).rejects.toMatchObject({ code: 'Cancelled', executed: 'no' });
    }),
  );

  it(
    'bounds the time to the first answer, and not the time between later ones',
    onRpc(async (rpc) => {
      let begun = 0;
      let aborted = 0;
      let pauseMs = 0;
      rpc.host('count', {
        streams: {
          async *silent(_, { signal }) {
            begun++;
            signal.addEventListener('abort', () => aborted++);
            await new Promise(() => {});
          },
          async *slow() {
            yield 1;
            await rpc.platform.timers.sleep(pauseMs);
            yield 2;
          },
        },
      });
      await rpc.withEnoughTime(async (timeoutMs) => {
        const count = await rpc.edge('count', { timeoutMs });
        const silent = count.stream(follow('count', 'silent'), {}, rpc.origin());
        await expect(silent.next()).rejects.toMatchObject({ code: 'DeadlineExceeded' });
        return begun > 0;
      });
      await rpc.until('the handler is aborted', () => aborted === begun);
      await rpc.withEnoughTime(async (timeoutMs) => {
        pauseMs = timeoutMs + 30;
        const slow = (await rpc.edge('count', { timeoutMs })).stream(follow('count', 'slow'), {}, rpc.origin());
        const first = await slow.next().catch((error: RametError) => error);
        if (first instanceof RametError) {
          expect(first.code).toBe('DeadlineExceeded');
          return false;
        }
        expect([first.value, ...(await collected(slow))]).toEqual([1, 2]);
        return true;
      });
      const hurried = (await rpc.edge('count')).stream(follow('count', 'silent'), {}, rpc.origin({ remainingMs: () => 20 }));
      await expect(hurried.next()).rejects.toMatchObject({ code: 'DeadlineExceeded' });
    }),
  );

  it(
    'ends a cycle of streams at a depth of eight',
    onRpc(async (rpc) => {
      const edges: Edge[] = [];
      rpc.host('circle', {
        streams: {
          async *round(_, { meta, origin }) {
            yield meta.depth;
            yield* (edges[0] as Edge).stream(follow('circle', 'round'), {}, origin);
          },
        },
      });
      edges.push(await rpc.edge('circle'));
      const seen: unknown[] = [];
      const read = async () => {
        for await (const depth of (edges[0] as Edge).stream(follow('circle', 'round'), {}, rpc.origin())) seen.push(depth);
      };
      await expect(read()).rejects.toMatchObject({ code: 'CallTooDeep' });
      expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    }),
  );
}

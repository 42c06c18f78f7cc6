import { expect, test } from 'vitest';
import { realPlatform } from '../../platform/index.ts';
import type { LogSink } from '../bus.ts';
import { PartitionReader } from './partition-reader.ts';

test('a reader that is stopped while it looks up where to begin does not wait for events', async () => {
  const checkpoint = Promise.withResolvers<number>();
  let reads = 0;
  const sink = { checkpoint: () => checkpoint.promise } as unknown as LogSink;
  const reader = new PartitionReader(
    { platform: realPlatform(), owner: 'test', onError: () => {} },
    {
      log: {
        name: 'orders',
        // As that of a broker: a read waits until there is something, or until it is released.
        read: () => {
          reads++;
          return new Promise(() => {});
        },
        head: async () => 0,
        prunedTo: async () => 0,
        onAppend: () => () => {},
      },
      p: 0,
      subscription: { group: 'mail', topics: new Set(['orders.OrderPlaced']), sink },
      pollMs: 1,
    },
  );
  const stopped = reader.stop();
  checkpoint.resolve(0);
  await stopped;
  expect(reads).toBe(0);
});

/** A reader of a group that has settled fifty events, on a log that ends at `head` now. */
function behind(relayed: boolean) {
  const real = realPlatform();
  let laterMs = 0;
  const platform = { ...real, clock: { ...real.clock, monoNow: () => real.clock.monoNow() + laterMs } };
  const state = { head: 0, begun: 0, errors: [] as unknown[] };
  const reader = new PartitionReader(
    { platform, owner: 'test', onError: (error) => state.errors.push(error) },
    {
      log: {
        name: 'orders',
        relayed,
        read: async (_, after) => {
          state.begun = after;
          return [];
        },
        head: async () => state.head,
        prunedTo: async () => 0,
        onAppend: () => () => {},
      },
      p: 0,
      subscription: { group: 'mail', topics: new Set(['orders.OrderPlaced']), sink: { checkpoint: async () => 50 } as unknown as LogSink },
      pollMs: 10,
    },
  );
  const pass = (ms: number) => {
    laterMs += ms;
  };
  return { state, reader, pass };
}

test('a reader waits for a log that relays are still filling, and continues where its group was', async () => {
  const { state, reader, pass } = behind(true);
  for (const head of [0, 0, 20, 49]) {
    state.head = head;
    await platformSleep(300);
    pass(29_000);
  }
  expect(state).toMatchObject({ begun: 0, errors: [] });
  state.head = 50;
  await eventuallyBegun(state);
  await reader.stop();
  expect(state).toMatchObject({ begun: 50, errors: [] });
});

test('a log that stays behind its group lacks events, and one that no relay fills does at once', async () => {
  const filled = behind(true);
  filled.state.head = 20;
  await platformSleep(300);
  expect(filled.state.errors).toEqual([]);
  filled.pass(31_000);
  await platformSleep(300);
  await filled.reader.stop();
  const outbox = behind(false);
  await platformSleep(50);
  await outbox.reader.stop();
  for (const { state } of [filled, outbox]) expect(state.errors).toEqual([expect.objectContaining({ code: 'PositionGap' })]);
});

const platformSleep = (ms: number) => realPlatform().timers.sleep(ms);
async function eventuallyBegun(state: { readonly begun: number }): Promise<void> {
  while (state.begun === 0) await platformSleep(10);
}

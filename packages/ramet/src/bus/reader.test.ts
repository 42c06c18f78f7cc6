import { expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import type { Sink } from './bus.ts';
import { PartitionReader } from './reader.ts';

test('a reader that is told to stop while it finds out where to begin does not wait for events any more', async () => {
  const checkpoint = Promise.withResolvers<number>();
  let reads = 0;
  const sink = { checkpoint: () => checkpoint.promise } as unknown as Sink;
  const reader = new PartitionReader(
    { platform: realPlatform(), owner: 'test', onError: () => {} },
    {
      log: {
        service: 'orders',
        // As that of a broker: whoever reads waits until there is something, or until he is let go.
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

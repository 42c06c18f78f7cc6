import { expect, test } from 'vitest';
import { realPlatform } from '../../platform/index.ts';
import type { QueuedMessage, Sink, Subscription } from '../bus.ts';
import { QueueReader } from './queue-reader.ts';

const message = { envelope: { id: 'event', type: 'orders.Placed', key: 'k' }, deliveries: 3 } as unknown as QueuedMessage;

test('a stop returns a message whose group is halted elsewhere before it resolves, although that was found out during the stop', async () => {
  const taken = Promise.withResolvers<'elsewhere'>();
  const queue = { laneOf: () => 'lane', take: () => taken.promise, returned: async () => {} };
  const subscription = { group: 'mail', topics: new Set(['orders.Placed']), sink: { queue } as unknown as Sink } satisfies Subscription;
  const reader = new QueueReader({ platform: realPlatform(), owner: 'own', onError: () => {} }, subscription);
  let ended = '';
  reader.offer({
    message,
    ack: async () => {
      ended = 'acknowledged';
    },
    release: async () => {
      // A broker takes a while.
      await realPlatform().timers.sleep(20);
      ended = 'released';
    },
  });
  const stopped = reader.stop();
  taken.resolve('elsewhere');
  await stopped;
  expect(ended).toBe('released');
});

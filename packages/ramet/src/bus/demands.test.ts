import { expect, test } from 'vitest';
import type { BusCapabilities, Sink } from './bus.ts';
import { unmetDemands } from './demands.ts';

const LOG: BusCapabilities = { name: 'b', shape: 'log', order: 'key', durable: true, remote: true, replay: true };
const positions = {} as Sink;
const either = { queue: {} } as Sink;
const mail = (poison: 'park-key' | 'skip', sink = either, ...topics: string[]) => ({
  group: 'mail',
  topics: new Set(topics),
  poison,
  sink,
});

test('a log that keeps the order of keys meets every demand', () => {
  expect(unmetDemands(LOG, mail('park-key', positions, 'orders.A', 'orders.B'))).toEqual({ refused: [], weaker: [] });
});

test('two types of one source are reported where order is kept within a topic only', () => {
  const perTopic: BusCapabilities = { ...LOG, order: 'topic-key' };
  const two = mail('park-key', either, 'orders.A', 'orders.B', 'users.C');
  expect(unmetDemands(perTopic, two).weaker).toEqual([expect.stringContaining("2 types of event of 'orders' (orders.A, orders.B)")]);
  expect(unmetDemands(perTopic, two, (type) => type.split('.')[0] as string).weaker).toEqual([]);
  expect(unmetDemands(perTopic, { ...two, poison: 'skip' }).weaker).toEqual([]);
});

test('a queue refuses a subscription that needs positions, and reports one that needs an order it does not keep', () => {
  const queue: BusCapabilities = { ...LOG, shape: 'queue', order: 'none', replay: false };
  expect(unmetDemands(queue, mail('skip', positions, 'orders.A')).refused).toEqual([expect.stringContaining('needs the positions')]);
  expect(unmetDemands(queue, mail('park-key', either, 'orders.A'))).toEqual({
    refused: [],
    weaker: [expect.stringContaining("keeps no order: name a bus that does, or set poison: 'skip'")],
  });
  expect(unmetDemands(queue, mail('skip', either, 'orders.A'))).toEqual({ refused: [], weaker: [] });
});

import { expect, test } from 'vitest';
import { headersOf, type Received, rowOf } from './message.ts';

const envelope = {
  id: 'evt_1',
  type: 'orders.changed',
  version: 1,
  source: 'orders',
  key: 'a',
  timestamp: '2026-07-31T12:00:00.000Z',
  correlationId: 'cor_1',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  data: {},
};
const record = (headers: Received['headers']): Received => ({
  topic: 'orders.changed',
  p: 3,
  offset: 41n,
  key: Buffer.from('a'),
  value: Buffer.from(JSON.stringify(envelope)),
  timestampMs: 0,
  headers,
});
const read = (headers: Received['headers']) => rowOf(record(headers), new Set(['orders.changed']), true);

test('a record says where its event is in the outbox of its source', () => {
  expect(read([...headersOf(7, 1_234)])).toEqual({ pos: 42, type: 'orders.changed', envelope, sourceP: 7, sourcePos: 1_234 });
});

test('a record of a producer that does not say so is read, and so is one whose headers are anything', () => {
  const unknown = { pos: 42, type: 'orders.changed', envelope, sourceP: undefined, sourcePos: undefined };
  expect(read([])).toEqual(unknown);
  expect(read([[null, null]])).toEqual(unknown);
  expect(
    read([
      [Buffer.from('ramet-p'), Buffer.from('-1')],
      [Buffer.from('ramet-pos'), null],
    ]),
  ).toEqual(unknown);
});

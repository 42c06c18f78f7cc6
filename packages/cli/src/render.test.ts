import { expect, test } from 'vitest';
import { deadLetterList, sagaDetail, sagaList, table } from './render.ts';

const saga = {
  sagaId: 'saga_1',
  saga: 'fulfil-order',
  service: 'orders',
  key: 'ord_1',
  status: 'compensating',
  state: 'COMPENSATION_FAILED',
  startedAt: '2026-11-21T00:00:00.000Z',
  updatedAt: '2026-11-21T00:00:01.000Z',
  completedSteps: ['charge card'],
  compensatedSteps: [],
  failureReason: 'Undeliverable',
  attention: "the undo of 'charge card' needs an operator",
};

test('columns are as wide as their widest cell', () => {
  expect(table([['A', 'B'], ['long', 'x'], ['s']])).toBe('A     B\nlong  x\ns');
});

test('a list says first why a person is needed, and otherwise why the saga failed', () => {
  expect(sagaList([saga])).toContain("the undo of 'charge card' needs an operator");
  const { attention: _attention, ...quiet } = saga;
  expect(sagaList([quiet])).toContain('Undeliverable');
  expect(sagaList([])).toBe('No sagas.');
});

test('a detail shows what was done, what undoes it, and how that went', () => {
  const text = sagaDetail({
    ...saga,
    initiator: 'usr_1',
    correlationId: 'cor_1',
    programVersion: 1,
    context: { input: { orderId: 'ord_1', cardToken: '•••' } },
    steps: [
      {
        name: 'charge card',
        kind: 'step',
        state: 'OK',
        call: 'payments.charge',
        undo: 'payments.refund',
        compensation: { state: 'COMP_FAILED', attempts: 3, error: 'no route' },
      },
    ],
    log: [{ at: '2026-11-21T00:00:00.000Z', actor: 'engine', step: 'charge card', was: 'STARTED', became: 'OK' }],
  });
  expect(text).toMatch(/charge card +OK +payments\.charge +payments\.refund +COMP_FAILED, attempt 3: no route/);
  expect(text).toContain('STARTED -> OK');
});

test('dead letters say how many events wait behind them', () => {
  expect(
    deadLetterList([{ id: 'dl_1', subscriber: 'audit', event: 'orders.OrderPlaced', key: 'ord_1', attempts: 8, parked: 2, error: 'boom' }]),
  ).toMatch(/dl_1 +audit +orders\.OrderPlaced +ord_1 +8 +2 +boom/);
});

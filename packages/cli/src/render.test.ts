import { expect, test } from 'vitest';
import { deadLetterList, givenUpList, sagaDetail, sagaList, scheduleList, subscriptionList, table, unansweredLines } from './render.ts';

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
    deadLetterList([
      {
        id: 'dl_1',
        subscriber: 'audit',
        event: 'orders.OrderPlaced',
        key: 'ord_1',
        policy: 'skip',
        attempts: 8,
        parked: 2,
        stack: '',
        error: 'boom',
      },
    ]),
  ).toMatch(/dl_1 +audit +orders\.OrderPlaced +ord_1 +skip +8 +2 +boom/);
});

test('what was given up says what it is, and why', () => {
  const item = { id: 'snd_1', service: 'orders', kind: 'send', what: 'mail.remind', givenUpAt: '2026-11-21T03:00:00.000Z', error: 'ended' };
  expect(givenUpList([item])).toMatch(/snd_1 +orders +send +mail\.remind +2026-11-21T03:00:00\.000Z +ended/);
  expect(givenUpList([])).toBe('Nothing was given up.');
});

test('subscriptions say what they stand at, and schedules when they run and what went wrong', () => {
  const standsAt = [{ source: 'payments', eventId: 'evt_1', error: 'boom' }];
  const list = subscriptionList([
    { subscription: 'analytics', poison: 'skip', topics: ['a.B', 'a.C'], standsAt: [] },
    { subscription: 'analytics.ledger', poison: 'halt', topics: ['a.B'], standsAt },
  ]);
  expect(list).toMatch(/analytics +skip +2 +goes on/);
  expect(list).toMatch(/analytics\.ledger +halt +1 +HALTED at evt_1: boom/);
  const due = { service: 'analytics', name: 'close days', timing: 'every 1m', dueAt: '2026-11-21T03:00:00.000Z' };
  expect(scheduleList([{ ...due, attempts: 0 }])).toMatch(/analytics +close days +every 1m +2026-11-21T03:00:00\.000Z +never$/m);
  expect(scheduleList([{ ...due, attempts: 2, lastError: 'boom' }])).toContain('attempt 2 failed: boom');
  const givenUp = { ...due, attempts: 8, lastError: 'boom', givenUpAt: '2026-11-21T03:00:00.000Z' };
  expect(scheduleList([givenUp])).toContain('GIVEN UP: boom');
});

const detail = (more: Partial<Parameters<typeof sagaDetail>[0]>) =>
  sagaDetail({
    ...saga,
    initiator: 'usr_1',
    correlationId: 'cor_1',
    programVersion: 1,
    context: { input: {} },
    steps: [],
    log: [],
    ...more,
  });
const charge = { name: "charge ann's card", kind: 'step', state: 'OK', call: 'payments.charge', undo: 'payments.refund' };

test('whoever is needed reads which commands there are, ready to be copied', () => {
  const failed = detail({ steps: [{ ...charge, compensation: { state: 'COMP_FAILED', attempts: 3 } }] });
  expect(failed).toMatch(/NEEDS YOU .*\n +ramet saga retry saga_1 /);
  expect(failed).toContain("ramet saga resolve saga_1 --step 'charge ann'\\''s card' --effect absent --reason '…'");
  expect(failed).toContain("ramet saga skip saga_1 --step 'charge ann'\\''s card' --reason '…'");
  expect(failed).not.toContain('saga compensate');
});

test('a diverged saga is offered to be undone only before its pivot', () => {
  const pivot = { name: 'confirm', kind: 'pivot', call: 'orders.confirm' };
  expect(detail({ state: 'DIVERGED', steps: [{ ...pivot, state: 'REJECTED' }] })).toContain("ramet saga compensate saga_1 --reason '…'");
  expect(detail({ state: 'DIVERGED', steps: [{ ...pivot, state: 'OK' }] })).not.toContain('saga compensate');
});

test('a saga that goes on by itself asks nobody to decide', () => {
  expect(detail({ state: 'RUNNING', steps: [{ ...charge, state: 'STARTED' }] })).toContain('nothing to decide');
});

test('a step that waits says until when', () => {
  const wait = { name: 'goods', kind: 'wait', state: 'WAITING', call: 'shipping.Delivered of ord_1', until: '2026-11-22T00:00:00.000Z' };
  expect(detail({ steps: [wait] })).toMatch(/goods +WAITING until 2026-11-22T00:00:00\.000Z +shipping\.Delivered of ord_1/);
});

test('a list says what it lacks, and nothing where it is whole', () => {
  expect(unansweredLines({ items: [], unanswered: [{ service: 'orders', why: 'no instance is known' }] })).toEqual([
    "'orders' did not answer, and nothing of it is in this list: no instance is known",
  ]);
  expect(unansweredLines({ items: [] })).toEqual([]);
});

import type { AdminAnswer, AdminItem } from 'ramet/admin';
import { expect, test } from 'vitest';
import { notesOf } from './lists.ts';
import { deadLetterDetail, deadLetterList, givenUpList, sagaDetail, sagaList, scheduleList, subscriptionList, table } from './render.ts';

type Detail = AdminAnswer<'GET /sagas/:id'>;

const saga: AdminItem<'GET /sagas'> = {
  sagaId: 'saga_1',
  saga: 'fulfil-order',
  service: 'orders',
  key: 'ord_1',
  status: 'compensating',
  state: 'COMPENSATION_FAILED',
  currentStepIndex: 1,
  startedAt: '2026-11-21T00:00:00.000Z',
  updatedAt: '2026-11-21T00:00:01.000Z',
  completedSteps: ['charge card'],
  compensatedSteps: [],
  context: { input: {}, results: {} },
  failureReason: 'Undeliverable',
  attention: "the undo of 'charge card' needs an operator",
};
const charge: Detail['steps'][number] = {
  name: "charge ann's card",
  kind: 'step',
  state: 'OK',
  call: 'payments.charge',
  undo: 'payments.refund',
  input: {},
};
const detail = (more: Partial<Detail>) =>
  sagaDetail({ ...saga, initiator: 'usr_1', correlationId: 'cor_1', programVersion: 1, epoch: 1, steps: [], log: [], ...more });

test('columns are as wide as their widest cell', () => {
  expect(table([['A', 'B'], ['long', 'x'], ['s']])).toBe('A     B\nlong  x\ns');
});

test('a list says why an operator is needed, and otherwise why the saga failed', () => {
  expect(sagaList([saga])).toContain("the undo of 'charge card' needs an operator");
  const { attention: _attention, ...quiet } = saga;
  expect(sagaList([quiet])).toContain('Undeliverable');
  expect(sagaList([])).toBe('No sagas.');
});

test('a detail shows what was done, what undoes it, and the result of the undo', () => {
  const text = detail({
    context: { input: { orderId: 'ord_1', cardToken: '•••' }, results: {} },
    steps: [{ ...charge, compensation: { state: 'COMP_FAILED', attempts: 3, error: 'no route' } }],
    log: [{ at: '2026-11-21T00:00:00.000Z', actor: 'engine', step: 'charge card', was: 'STARTED', became: 'OK' }],
  });
  expect(text).toMatch(/charge ann's card +OK +payments\.charge +payments\.refund +COMP_FAILED, attempt 3: no route/);
  expect(text).toContain('STARTED -> OK');
});

test('a detail names the initiator, and its issuer where it has one', () => {
  expect(detail({})).toMatch(/for usr_1$/m);
  expect(detail({ initiatorIssuer: 'https://id.example' })).toMatch(/for usr_1 \(https:\/\/id\.example\)$/m);
});

const letter: AdminItem<'GET /dead-letters'> = {
  id: 'dl_1',
  subscriber: 'audit',
  eventId: 'evt_1',
  event: 'orders.OrderPlaced',
  key: 'ord_1',
  reason: 'failed',
  policy: 'skip',
  attempts: 8,
  parked: 2,
  stack: '',
  error: 'boom',
  firstFailedAt: '2026-11-21T00:00:00.000Z',
  lastFailedAt: '2026-11-21T00:00:01.000Z',
};

test('dead letters say how many events wait behind them, and show the stack or the error', () => {
  expect(deadLetterList([letter])).toMatch(/dl_1 +audit +orders\.OrderPlaced +ord_1 +skip +8 +2 +boom/);
  expect(deadLetterDetail(letter)).toMatch(/8 attempts, 2 events wait behind it\n\nboom$/);
  expect(deadLetterDetail({ ...letter, stack: 'Error: boom\n  at handle' })).toMatch(/\n\nError: boom\n {2}at handle$/);
});

test('given-up work says what it is and why', () => {
  const item = { id: 'snd_1', service: 'orders', kind: 'send', what: 'mail.remind', givenUpAt: '2026-11-21T03:00:00.000Z', error: 'ended' };
  expect(givenUpList([item])).toMatch(/snd_1 +orders +send +mail\.remind +2026-11-21T03:00:00\.000Z +ended/);
  expect(givenUpList([])).toBe('No given-up work.');
});

test('subscriptions say where they are halted, and schedules when they run and what went wrong', () => {
  const haltedAt = [{ log: 'payments', eventId: 'evt_1', error: 'boom' }];
  const list = subscriptionList([
    { service: 'analytics', subscription: 'analytics', poison: 'skip', topics: ['a.B', 'a.C'], haltedAt: [] },
    { service: 'analytics', subscription: 'analytics.ledger', poison: 'halt', topics: ['a.B'], haltedAt },
  ]);
  expect(list).toMatch(/analytics +skip +2 +running/);
  expect(list).toMatch(/analytics\.ledger +halt +1 +HALTED at evt_1: boom/);
  const due = { service: 'analytics', name: 'close days', timing: 'every 1m', dueAt: '2026-11-21T03:00:00.000Z' };
  expect(scheduleList([{ ...due, attempts: 0 }])).toMatch(/analytics +close days +every 1m +2026-11-21T03:00:00\.000Z +never$/m);
  expect(scheduleList([{ ...due, attempts: 2, lastError: 'boom' }])).toContain('attempt 2 failed: boom');
  const givenUp = { ...due, attempts: 8, lastError: 'boom', givenUpAt: '2026-11-21T03:00:00.000Z' };
  expect(scheduleList([givenUp])).toContain('GIVEN UP: boom');
});

test('an operator who is needed reads the commands to choose from, ready to be copied', () => {
  const failed = detail({ steps: [{ ...charge, compensation: { state: 'COMP_FAILED', attempts: 3 } }] });
  expect(failed).toMatch(/NEEDS YOU .*\n +ramet saga retry saga_1 /);
  expect(failed).toContain("ramet saga resolve saga_1 --step 'charge ann'\\''s card' --effect absent --reason '…'");
  expect(failed).toContain("ramet saga skip saga_1 --step 'charge ann'\\''s card' --reason '…'");
  expect(failed).not.toContain('saga compensate');
});

test('a diverged saga can be undone only before its pivot', () => {
  const pivot = { name: 'confirm', kind: 'pivot', call: 'orders.confirm', input: {} } as const;
  expect(detail({ state: 'DIVERGED', steps: [{ ...pivot, state: 'REJECTED' }] })).toContain("ramet saga compensate saga_1 --reason '…'");
  expect(detail({ state: 'DIVERGED', steps: [{ ...pivot, state: 'OK' }] })).not.toContain('saga compensate');
});

test('a saga that continues alone needs no decision', () => {
  expect(detail({ state: 'RUNNING', steps: [{ ...charge, state: 'STARTED' }] })).toContain('nothing to decide');
});

test('a step that waits says until when', () => {
  const until = '2026-11-22T00:00:00.000Z';
  const wait = { name: 'goods', kind: 'wait', state: 'WAITING', call: 'shipping.Delivered of ord_1', input: {}, until } as const;
  expect(detail({ steps: [wait] })).toMatch(/goods +WAITING until 2026-11-22T00:00:00\.000Z +shipping\.Delivered of ord_1/);
});

test('a list says what it lacks, and nothing where it is complete', () => {
  expect(notesOf({ items: [1], next: 'x', unanswered: [{ service: 'orders', why: 'no instance is known' }] })).toEqual([
    "'orders' did not answer, so this list lacks its items: no instance is known",
    'these are the first 1; print more with --limit',
  ]);
  expect(notesOf({ items: [] })).toEqual([]);
});

import { afterAll, beforeAll, describe, test } from 'vitest';
import { type Case, checkBooks, closeLane, type Lane, openLane, runCase } from './kill-lane.ts';

/*
 * The shop is stopped as by a power cut at each of its worst moments, one by one: an order is placed, the process dies at the
 * named point, it starts again, and the order must end as if nothing had been. See `shop/rig/stop-at.ts`.
 */

/** The steps of the order saga: the n-th call of an order that goes well is the n-th step, and so is the n-th intent that is saved. */
const STEPS = ['accept', 'reserve stock', 'charge card', 'book shipment', 'confirm', 'mail confirmation'];
/** What is undone, from the fifth call on, when an order that is paid cannot be shipped. */
const UNDOS = [
  ['refund', 'charge card'],
  ['release', 'reserve stock'],
  ['cancel', 'accept'],
] as const;

const steps = STEPS.flatMap((step, i): Case[] => [
  { at: `saga.saved#${i + 1}`, when: `the intent of '${step}' is saved`, order: 'plain', open: step },
  { at: `saga.call#${i + 1}`, when: `'${step}' is about to be called`, order: 'plain', open: step },
  { at: `saga.called#${i + 1}`, when: `'${step}' has answered`, order: 'plain', open: step },
]);
const effects = ['the charge', 'the mail'].flatMap((effect, i): Case[] => [
  { at: `effect.perform#${i + 1}`, when: `${effect} is about to be made`, order: 'plain' },
  { at: `effect.performed#${i + 1}`, when: `${effect} is made and not recorded`, order: 'plain' },
  { at: `effect.recorded#${i + 1}`, when: `${effect} is recorded`, order: 'plain' },
]);
const events: Case[] = [
  { at: 'consumer.claimed#1', when: 'events are claimed', order: 'plain' },
  { at: 'consumer.handled#1', when: 'the first event is handled', order: 'plain' },
  { at: 'consumer.handled#6', when: 'an event is handled', order: 'plain' },
];
const commits = [1, 4, 9, 15, 22, 30].map(
  (n): Case => ({ at: `sqlite.commit#${n}`, when: 'something is about to be committed', order: 'plain' }),
);
const declined: Case[] = [
  { at: 'saga.called#3', when: 'the card is declined', order: 'declined', open: 'charge card' },
  { at: 'saga.call#4', when: "'release' is about to be called", order: 'declined', open: 'reserve stock' },
  { at: 'saga.called#5', when: "'cancel' has answered", order: 'declined', open: 'accept' },
];
const undos = UNDOS.flatMap(([undo, open], i): Case[] => [
  { at: `saga.call#${i + 5}`, when: `'${undo}' is about to be called`, order: 'undeliverable', open },
  { at: `saga.called#${i + 5}`, when: `'${undo}' has answered`, order: 'undeliverable', open },
]);
const refund: Case[] = [
  { at: 'effect.perform#2', when: 'the refund is about to be made', order: 'undeliverable' },
  { at: 'effect.performed#2', when: 'the refund is made and not recorded', order: 'undeliverable' },
];

// Two lanes, each with its own shop, in which one case follows the other.
lane('an order that goes well', [...steps, ...commits.slice(0, 3)]);
lane('an order that is charged, announced, declined, or undone', [
  ...effects,
  ...events,
  ...commits.slice(3),
  ...declined,
  ...undos,
  ...refund,
]);

function lane(name: string, cases: readonly Case[]): void {
  describe.concurrent(`killed on the way of ${name}`, () => {
    let lane: Lane;
    beforeAll(async () => {
      lane = await openLane();
    });
    afterAll(() => lane && closeLane(lane));

    for (const one of cases) {
      test(`when ${one.when} (${one.at}, ${one.order})`, { concurrent: false, timeout: 120_000 }, () => runCase(lane, one));
    }

    test('and in the end the books agree: money, stock, mails, and every event once', { concurrent: false }, () => checkBooks(lane));
  });
}

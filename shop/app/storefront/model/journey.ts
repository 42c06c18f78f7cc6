import { countryName } from './countries.ts';

/** An entry of an order's history. */
export interface Entry {
  readonly what: string;
  readonly at: string;
}

export type OrderStatus = 'pending' | 'confirmed' | 'cancelled';

/** `undone`: it was done and taken back. `skipped`: the journey ended before it. `ended`: it ended there, and that was wanted. */
export type StageState = 'done' | 'current' | 'failed' | 'undone' | 'waiting' | 'skipped' | 'ended';

export interface Stage {
  readonly name: string;
  readonly state: StageState;
  /** What is shown of it: when it was done, why it failed, what was done to undo it. */
  readonly note: string;
  /** When that was, as the shop wrote it. */
  readonly at: string | undefined;
}

interface Step {
  readonly name: string;
  readonly done: string;
  readonly undone: string;
  readonly doing: string;
  readonly doneNote: string;
  readonly undoneNote: string;
  /** How the reason of an order begins that failed here. */
  readonly failure: RegExp;
}

/** The steps of `fulfil-order`, in its words and in a customer's. */
const STEPS: readonly Step[] = [
  {
    name: 'Reserved',
    done: 'stock reserved',
    undone: 'stock released',
    doing: 'Setting your things aside',
    doneNote: 'Your things are set aside',
    undoneNote: 'Back on the shelf',
    failure: /^out of stock: /,
  },
  {
    name: 'Paid',
    done: 'payment captured',
    undone: 'payment refunded',
    doing: 'Waiting for your bank',
    doneNote: 'Your card was charged',
    undoneNote: 'Your card was refunded',
    failure: /^card declined: /,
  },
  {
    name: 'Shipped',
    done: 'shipment booked',
    undone: 'shipment cancelled',
    doing: 'Booking the carrier',
    doneNote: 'The carrier is booked',
    undoneNote: 'The carrier was called off',
    failure: /^cannot be delivered: /,
  },
];

/**
 * The journey of an order as five stages, from what its history says. An order that is cancelled has been undone as a
 * whole: a stage is shown as undone even where the entry that says so came after the order had ended, and is not shown.
 * @param reason why it was cancelled; taken from the history where it is not given
 */
export function stagesOf(status: OrderStatus, history: readonly Entry[], reason = reasonIn(history)): Stage[] {
  const entry = (what: string) => history.find((one) => one.what === what);
  const reached = STEPS.map((step) => entry(step.done) !== undefined);
  const failedByReason = STEPS.findIndex((step) => reason !== undefined && step.failure.test(reason));
  const firstOpen = reached.indexOf(false);
  const failedAt = status !== 'cancelled' || isOwnWish(reason) ? -1 : failedByReason >= 0 ? failedByReason : firstOpen;
  const stages = STEPS.map((step, index): Stage => {
    const stage = (state: StageState, note: string, at?: string): Stage => ({ name: step.name, state, note, at });
    const done = entry(step.done);
    const undone = entry(step.undone);
    if (status === 'cancelled' && index === failedAt && !done) return stage('failed', sentence(reason), entry('payment declined')?.at);
    if (undone || (status === 'cancelled' && done)) return stage('undone', step.undoneNote, undone?.at);
    if (done) return stage('done', step.doneNote, done.at);
    if (status === 'cancelled') return stage('skipped', 'Not needed any more');
    // The card's refusal is known before the order has ended.
    if (step.name === 'Paid' && entry('payment declined')) return stage('failed', 'Your card was declined', entry('payment declined')?.at);
    if (status === 'pending' && index === firstOpen && !entry('payment declined') && !isCancelling(history))
      return stage('current', step.doing);
    return stage('waiting', '');
  });
  return [
    { name: 'Placed', state: 'done', note: 'We have your order', at: history[0]?.at },
    ...stages,
    ending(status, history, reason, reached),
  ];
}

function ending(status: OrderStatus, history: readonly Entry[], reason: string | undefined, reached: readonly boolean[]): Stage {
  const last = history.at(-1);
  if (status === 'confirmed') return { name: 'Confirmed', state: 'done', note: 'All done: it is on its way', at: last?.at };
  if (status === 'cancelled' && isOwnWish(reason)) return { name: 'Cancelled', state: 'ended', note: 'As you wished', at: last?.at };
  if (status === 'cancelled') return { name: 'Cancelled', state: 'failed', note: 'Nothing is left to pay', at: last?.at };
  if (isCancelling(history)) return { name: 'Cancelling', state: 'current', note: 'Taking back what was done', at: undefined };
  const working = !reached.includes(false);
  return { name: 'Confirmed', state: working ? 'current' : 'waiting', note: working ? 'Putting it all together' : '', at: undefined };
}

const OWN_WISH = 'cancelled by the customer';

/** Whether it was the customer who called it off. */
export const isOwnWish = (reason: string | undefined): boolean => reason === OWN_WISH;

/** Whether a cancellation was accepted: it holds, whatever else arrives until it is done. */
export const isCancelling = (history: readonly Entry[]): boolean => history.some(({ what }) => what === 'cancellation requested');

/** Why an order was cancelled. If the customer requested it, that is the reason, whatever else stopped the order in the meantime. */
export const reasonOf = (status: string, history: readonly Entry[], reason: string | undefined): string | undefined =>
  status === 'cancelled' && isCancelling(history) ? OWN_WISH : reason;

export const isDeclined = (reason: string | undefined): boolean => reason?.startsWith('card declined: ') ?? false;

/** The last entry of a cancelled order says why. */
function reasonIn(history: readonly Entry[]): string | undefined {
  const what = history.at(-1)?.what ?? '';
  return isOwnWish(what) ? what : /^cancelled: (.*)$/s.exec(what)?.[1];
}

/** A reason of the shop as a sentence. */
export function sentence(reason: string | undefined): string {
  if (reason === undefined || reason === '') return 'It could not be completed';
  if (isOwnWish(reason)) return 'You cancelled it';
  const told = reason.replace(/(?<=no carrier goes to )[A-Z]{2}$/, countryName);
  return told.charAt(0).toUpperCase() + told.slice(1);
}

/** A text of the shop's with the names of products in place of their article numbers. */
export const withNames = (text: string, products: readonly { readonly sku: string; readonly name: string }[]): string =>
  products.reduce((told, { sku, name }) => told.replaceAll(sku, () => name), text);

/** What there is to say of an order in one line, and to read out when it changes. */
export function summaryOf(status: OrderStatus, stages: readonly Stage[], reason?: string): string {
  if (status === 'confirmed') return 'Your order is confirmed.';
  if (status === 'cancelled')
    return isOwnWish(reason) ? 'Your order is cancelled, as you wished.' : `Your order was cancelled. ${sentence(reason)}.`;
  if (stages.at(-1)?.name === 'Cancelling') return 'Cancelling…';
  const current = stages.find(({ state }) => state === 'current');
  return current ? `${current.note}…` : 'We are working on your order…';
}

import { onePerRequest, preorders, returns } from './aftersales.ts';
import { answeredOnSigterm, connections, ends, logs, sound, statuses } from './answers.ts';
import type { Check, Evidence } from './check.ts';
import { delivered, facts, inOrder, kept, nothingLeft, onceInEffect, positions } from './events.ts';
import { effects, fences } from './fences.ts';
import { mails, messageIds } from './mails.ts';
import { charges, payments, refunds, turnover } from './money.ts';
import { asOrdered, cancellations, histories, onePerKey, outcomes, settled, streams, views } from './orders.ts';
import { sagaEnds, sagaLogs, sagaSteps } from './sagas.ts';
import { cardNumbers } from './secrets.ts';
import { availability, reservations, stock } from './stock.ts';

/** Everything that must be true of a shop that was killed again and again, in the order of the report. */
export const CHECKS: readonly Check[] = [
  ...[settled, onePerKey, asOrdered, outcomes, histories, views, streams, cancellations],
  ...[onePerRequest, returns, preorders],
  ...[charges, refunds, turnover, payments],
  ...[stock, reservations, availability],
  ...[delivered, onceInEffect, inOrder, kept, facts, nothingLeft, positions],
  ...[mails, messageIds],
  ...[sagaEnds, sagaSteps, sagaLogs, fences, effects],
  ...[cardNumbers],
  ...[statuses, connections, answeredOnSigterm, ends, logs, sound],
];

export interface Judgement {
  readonly name: string;
  readonly violations: readonly string[];
}

export function judge(evidence: Evidence): Judgement[] {
  return CHECKS.map(({ name, violations }) => {
    try {
      return { name, violations: [...violations(evidence)] };
    } catch (error) {
      return { name, violations: [`it could not be examined: ${(error as Error).stack}`] };
    }
  });
}

import { newId, type Platform } from '../platform/index.ts';
import { schedule, type Tx } from '../store/index.ts';

/** The kind of due work that posts an alert to the webhook. */
export const ALERT_WORK = 'alert';

/** Posts an alert to the webhook once `tx` has committed, until the webhook accepts it; once per id. */
export function postAlert(tx: Tx, alert: { readonly id: string; readonly reason: string; readonly [field: string]: unknown }): void {
  schedule(tx, { id: alert.id, kind: ALERT_WORK, afterMs: 0, payload: alert });
}

/** Posts that work was given up and waits for an operator, in the transaction that gives it up. */
export function alertGivenUp(
  tx: Tx,
  platform: Platform,
  work: { readonly service: string; readonly kind: string; readonly what: string; readonly workId: string },
  why: string,
): void {
  const reason = `${work.kind} '${work.what}' of '${work.service}' was given up: ${why}`;
  postAlert(tx, { id: newId(platform, 'alert'), reason, ...work });
}

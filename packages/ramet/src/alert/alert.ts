import { schedule, type Tx } from '../store/index.ts';

/** The kind of due work that posts an alert to the webhook. */
export const ALERT_WORK = 'alert';

/** Posts an alert to the webhook once `tx` has committed, until the webhook accepts it; once per id. */
export function postAlert(tx: Tx, alert: { readonly id: string; readonly reason: string; readonly [field: string]: unknown }): void {
  schedule(tx, { id: alert.id, kind: ALERT_WORK, afterMs: 0, payload: alert });
}

import { z } from 'zod';
import { postAlert } from '../alert/index.ts';
import { type Envelope, type OutboxWriter, topicOf } from '../bus/index.ts';
import type { EventRef } from '../contract/index.ts';
import { isoOf } from '../platform/index.ts';
import type { Tx } from '../store/index.ts';
import type { EventLog, Trace } from '../telemetry/index.ts';

const AlertData = z
  .object({
    /** There is one alert per id, whatever happens. */
    id: z.string(),
    service: z.string(),
    sagaId: z.string(),
    saga: z.string(),
    key: z.string(),
    /** Absent if the saga as a whole needs an operator. */
    step: z.string().optional(),
    state: z.string(),
    reason: z.string(),
  })
  .readonly();
/** What an alert says. */
export type Alert = z.infer<typeof AlertData>;

/**
 * Makes a reference to the event that a service publishes when one of its sagas needs an operator. No contract declares this
 * event, because every service with sagas publishes it.
 * @example
 * ```ts
 * import { contract, SagaNeedsAttention, service } from 'ramet';
 *
 * export default service(contract('desk', {})).implement({
 *   reactions: (on) => [
 *     on(SagaNeedsAttention.of('orders'), ({ saga, key, reason }, { log }) => log.warn({ saga, key }, reason)),
 *   ],
 * });
 * ```
 */
export const SagaNeedsAttention = {
  of: (service: string): EventRef<typeof AlertData> => ({
    service,
    name: 'SagaNeedsAttention',
    schema: AlertData,
    key: 'sagaId',
    version: 1,
  }),
} as const;

/** Where alerts go. */
export interface AlertSink {
  readonly outbox: OutboxWriter;
  readonly log: EventLog;
  /** Whether alerts are posted to a webhook, too. */
  readonly webhook: boolean;
}

/** Raises an alert in the transaction that makes it true: as an event, as a call of the webhook, and in the log after the commit. */
export async function raiseAlert(tx: Tx, sink: AlertSink, alert: Alert, trace: Trace): Promise<void> {
  if (await sink.outbox.has(tx, alert.id)) return;
  const now = await tx.get<{ now: number }>('select ramet_now() as now');
  const event = SagaNeedsAttention.of(alert.service);
  const envelope: Envelope = {
    id: alert.id,
    type: topicOf(event.service, event.name),
    version: event.version,
    source: alert.service,
    key: alert.sagaId,
    timestamp: isoOf(Number(now?.now)),
    correlationId: trace.correlationId,
    traceparent: trace.traceparent,
    data: alert,
  };
  await sink.outbox.append(tx, [envelope]);
  if (sink.webhook) postAlert(tx, alert);
  tx.afterCommit(() =>
    sink.log.event(
      'saga_attention',
      { alert: alert.id, saga: alert.saga, sagaId: alert.sagaId, step: alert.step, state: alert.state, correlationId: trace.correlationId },
      alert.reason,
    ),
  );
}

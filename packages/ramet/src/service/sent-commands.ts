import { ALERT_WORK, alertGivenUp } from '../alert/index.ts';
import { RametError } from '../errors/index.ts';
import { MINUTE, type Platform } from '../platform/index.ts';
import { Edges, mayHaveEndedIt, type Outbound, type TransportRoutes } from '../rpc/index.ts';
import { serviceCaller } from '../security/index.ts';
import { type DueHandler, DueWorker, GiveUp, type Store } from '../store/index.ts';
import type { EventLog } from '../telemetry/index.ts';
import { SEND_WORK, type SentCommand } from './unit-of-work.ts';

/** What the worker of sent commands works with. */
export interface DeliveryEnvironment {
  readonly platform: Platform;
  readonly store: Store;
  readonly transport: TransportRoutes;
  readonly outbound: Outbound;
  readonly service: string;
  readonly log: EventLog;
  /** Posts an alert; undefined where no webhook is configured. */
  readonly postAlert?: ((alert: unknown, id: string) => Promise<void>) | undefined;
}

/** Faults after which a sent command is not repeated. */
const FINAL = new Set(['BadRequest', 'DedupHorizon', 'GivenUp']);

/** Makes the worker that delivers sent commands and alerts until they have arrived. */
export function deliveries({ platform, store, transport, outbound, service, log, postAlert }: DeliveryEnvironment): DueWorker {
  const edges = new Edges(transport, outbound);
  /** Commands with an attempt that lost its connection: the command may have crashed the process of its target. */
  const lost = new Set<string>();
  const send: DueHandler = async (payload, { id, ageMs }) => {
    const sent = payload as SentCommand;
    const origin = {
      meta: { caller: serviceCaller(service, sent), trace: { ...sent.trace, causationId: id }, depth: 0 },
      remainingMs: () => Number.POSITIVE_INFINITY,
      signal: undefined,
    };
    const operation = { kind: 'command', service: sent.service, name: sent.operation } as const;
    const reply = await edges.to(sent.service).call(operation, sent.input, origin, {
      key: id,
      durable: true,
      suspect: lost.has(id),
      ...(ageMs < MINUTE ? {} : { ageMs }),
    });
    const isFinal = reply.ok || reply.kind === 'declared' || FINAL.has(reply.code);
    if (isFinal) lost.delete(id);
    else if (mayHaveEndedIt(reply)) lost.add(id);
    if (reply.ok) return;
    if (reply.kind === 'declared' || reply.code === 'BadRequest') {
      const refusal = reply.kind === 'declared' ? reply.error : reply.detail;
      log.event('command_refused', { sent: `${sent.service}.${sent.operation}`, id, refusal });
      return;
    }
    // An operator must find out whether it took effect.
    if (reply.code === 'DedupHorizon') throw new GiveUp(`${reply.code}: ${reply.detail}`);
    if (reply.code === 'GivenUp') throw new GiveUp(reply.detail);
    throw new RametError(reply.code, reply.detail);
  };
  const handlers = new Map([[SEND_WORK, send]]);
  if (postAlert) handlers.set(ALERT_WORK, (payload, { id }) => postAlert(payload, id));
  return new DueWorker({
    store,
    platform,
    handlers,
    onError: (error, work) => log.event('due_work_failed', { err: error, ...work }),
    onGivingUp(tx, { id: workId, kind, lane: what }, why) {
      // An alert that cannot be posted must not cause another one.
      if (postAlert && kind !== ALERT_WORK) alertGivenUp(tx, platform, { service, kind, what, workId }, why);
    },
    onGivenUp: ({ id, kind, lane, attempt }, why) => log.event('due_work_given_up', { id, kind, lane, attempt }, why),
  });
}

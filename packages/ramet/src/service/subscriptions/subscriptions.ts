import { postAlert } from '../../alert/index.ts';
import {
  Consumer,
  DEFAULT_RETRY,
  type Envelope,
  type EventHandler,
  type PoisonPolicy,
  type Standstill,
  type Subscription,
  topicOf,
} from '../../bus/index.ts';
import { readEvent, upcastProblems } from '../../contract/index.ts';
import { issuesText, RametError } from '../../errors/index.ts';
import { newId, type Platform, Settings } from '../../platform/index.ts';
import { NEVER } from '../../rpc/index.ts';
import { serviceCaller } from '../../security/index.ts';
import type { Store, Tx } from '../../store/index.ts';
import { type EventLog, type Instrument, type Work, Works } from '../../telemetry/index.ts';
import type { ServiceDefinition } from '../definition.ts';
import type { UnitOfWork, WorkOrigin } from '../unit-of-work.ts';
import type { EventInfo, Reaction } from './reaction.ts';

/**
 * A hosted subscription of a service: the subscription of the bus, and its work besides the deliveries. Each group of reactions has
 * its own checkpoint, inbox, retries and dead letters.
 */
export interface HostedSubscription extends Subscription {
  /** What happens to an event that cannot be handled. */
  readonly poison: PoisonPolicy;
  /** Starts to retry failed events. */
  start(): void;
  /** Stops the retries between two events. The bus stops the deliveries. */
  stop(): Promise<void>;
  /** Looks for retries now, because an operator has made some due. */
  wake(): void;
  /** Stores the progress, so that the next start does not read the same events again. */
  flush(): Promise<void>;
  /** Returns where the subscription has halted and waits for an operator. */
  standstills(): Promise<readonly Standstill[]>;
}

/** What the subscriptions of a service work with. */
export interface SubscriptionEnvironment {
  readonly platform: Platform;
  readonly store: Store;
  readonly log: EventLog;
  readonly unitOfWork: (tx: Tx, origin: WorkOrigin) => UnitOfWork;
  /** Whether alerts are posted to a webhook. */
  readonly alerts: boolean;
  readonly instrument: Instrument;
}

const ATTEMPTS_MAX = 1_000;
const NAME = /^[a-z][a-z0-9-]*$/;

interface ReactionGroup {
  readonly name: string;
  readonly poison: PoisonPolicy;
  readonly attempts: number;
  readonly reactions: readonly Reaction<any, any>[];
}

/** Groups the reactions of a service by subscription. @returns the groups, and their problems */
export function groupReactions(
  service: string,
  reactions: ServiceDefinition['reactions'],
): { groups: ReactionGroup[]; problems: string[] } {
  const problems: string[] = [];
  const byName = new Map<string, Reaction<any, any>[]>();
  for (const reaction of reactions) {
    const { subscription } = reaction;
    if (subscription !== undefined && !NAME.test(subscription))
      problems.push(`service '${service}': subscription '${subscription}': use lower-case letters, digits and hyphens`);
    const name = subscription === undefined ? service : `${service}.${subscription}`;
    byName.set(name, [...(byName.get(name) ?? []), reaction]);
  }
  const groups = [...byName].map(([name, members]): ReactionGroup => {
    const topics = new Set<string>();
    for (const { event } of members) {
      const topic = topicOf(event.service, event.name);
      if (topics.has(topic))
        problems.push(
          `service '${service}': two reactions to '${topic}' in subscription '${name}'; join them, or give one of them its own 'subscription'`,
        );
      topics.add(topic);
      // The service's own contract is checked as a whole; another service may run elsewhere, so its event is checked here.
      if (event.service !== service)
        problems.push(...upcastProblems(event).map((problem) => `service '${service}' reacts to '${topic}': ${problem}`));
    }
    const poison = new Set(members.map((member) => member.poison ?? 'park-key'));
    const attempts = new Set(members.map((member) => member.attempts ?? DEFAULT_RETRY.maxAttempts));
    if (poison.size > 1)
      problems.push(
        `service '${service}': the reactions of subscription '${name}' say ${[...poison].map((policy) => `'${policy}'`).join(' and ')} for 'poison'; agree on one, or give the others their own 'subscription'`,
      );
    if (attempts.size > 1)
      problems.push(
        `service '${service}': the reactions of subscription '${name}' say ${[...attempts].join(' and ')} for 'attempts'; agree on one`,
      );
    const settings = new Settings(`service '${service}', subscription '${name}': `);
    for (const policy of poison) settings.word('poison', policy, ['park-key', 'skip', 'halt']);
    for (const count of attempts) settings.count('attempts', count, DEFAULT_RETRY.maxAttempts, 1, ATTEMPTS_MAX);
    problems.push(...settings.problems);
    return { name, poison: [...poison][0] as PoisonPolicy, attempts: [...attempts][0] as number, reactions: members };
  });
  return { groups, problems };
}

/** Makes the subscriptions of a service on its store. */
export function hostSubscriptions(definition: ServiceDefinition, environment: SubscriptionEnvironment): HostedSubscription[] {
  const service = definition.contract.name;
  return groupReactions(service, definition.reactions).groups.map((group) => hostSubscription(service, group, environment));
}

function hostSubscription(service: string, group: ReactionGroup, environment: SubscriptionEnvironment): HostedSubscription {
  const handlers = new Map<string, EventHandler>();
  for (const reaction of group.reactions)
    handlers.set(topicOf(reaction.event.service, reaction.event.name), reactionHandler(service, group.name, reaction, environment));
  return hostHandlers(service, group, handlers, environment);
}

/** Makes a subscription from its handlers, by topic. */
export function hostHandlers(
  service: string,
  group: Pick<ReactionGroup, 'name' | 'poison' | 'attempts'>,
  handlers: ReadonlyMap<string, EventHandler>,
  environment: Omit<SubscriptionEnvironment, 'unitOfWork'>,
): HostedSubscription {
  const { platform, store, log, instrument } = environment;
  const subscription = group.name;
  const consumer = new Consumer({
    platform,
    store,
    subscriber: subscription,
    handlers,
    instrument,
    poison: group.poison,
    retry: { ...DEFAULT_RETRY, maxAttempts: group.attempts },
    onError: (error) => log.event('retries_unavailable', { err: error, subscription }),
    onOutcome: (outcome, envelope, failure, attempt = 0) => {
      const fields = {
        subscription,
        eventType: envelope.type,
        eventId: envelope.id,
        key: envelope.key,
        correlationId: envelope.correlationId,
      };
      // The stack is logged at the first attempt, and again when the event is given up.
      const failed = { ...fields, failure: failure?.message, attempt };
      const whole = failure?.stack ? { ...failed, stack: failure.stack } : failed;
      if (outcome === 'halted') log.event('subscription_halted', whole);
      else if (outcome === 'dead') log.event('event_dead_lettered', { ...whole, policy: group.poison });
      else if (outcome === 'retrying') log.event('event_failed', attempt === 1 ? whole : failed);
    },
    onMissed({ log: source, p, after, through }) {
      instrument.note?.({ what: 'events missed', subscriber: subscription, source, positions: through - after });
      log.event(after === 0 ? 'history_incomplete' : 'events_missed', { subscription, source, partition: p, after, through });
    },
    ...(environment.alerts
      ? { onHalt: (tx, envelope, failure) => alertHalt(tx, platform, { service, subscription }, envelope, failure.message) }
      : {}),
  });
  return {
    group: subscription,
    poison: group.poison,
    topics: new Set(handlers.keys()),
    sink: consumer,
    start: () => consumer.retries.start(),
    stop: () => consumer.retries.stop(),
    wake: () => consumer.retries.wake(),
    flush: () => consumer.flush(),
    standstills: () => consumer.standstills(),
  };
}

/** Posts that a subscription has halted, in the transaction that halts it; once each time. */
async function alertHalt(
  tx: Tx,
  platform: Platform,
  where: { readonly service: string; readonly subscription: string },
  { id: eventId, type, key, correlationId }: Envelope,
  failure: string,
): Promise<void> {
  const id = newId(platform, 'alert');
  const reason = `subscription '${where.subscription}' has halted at ${type} (${key}): ${failure}`;
  postAlert(tx, { id, reason, ...where, event: type, eventId, key, correlationId });
}

/** Checks that a subscription has not halted, for the health of the process. @throws RametError SubscriptionHalted */
export async function checkStandstill(subscription: Pick<HostedSubscription, 'group' | 'standstills'>): Promise<void> {
  const { group } = subscription;
  const [first] = await subscription.standstills();
  if (first)
    throw new RametError(
      'SubscriptionHalted',
      `'${group}' has halted at event ${first.eventId} of '${first.log}': ${first.error}; replay or discard the event`,
    );
}

function reactionHandler(
  service: string,
  subscription: string,
  { event, run }: Reaction<any, any>,
  { unitOfWork, instrument }: Pick<SubscriptionEnvironment, 'unitOfWork' | 'instrument'>,
): EventHandler {
  const work: Work = new Works('reaction', 'subscriber', 'event').of(subscription, topicOf(event.service, event.name));
  return async (envelope, tx) => {
    const data = readEvent(event, envelope.version, envelope.data);
    if (!data.ok)
      throw new RametError(
        'UnknownEvent',
        `'${envelope.type}' (version ${envelope.version}) does not fit the contract that '${service}' knows: ${issuesText(data.issues)}`,
        { issues: data.issues },
      );
    const trace = { correlationId: envelope.correlationId, causationId: envelope.id, traceparent: envelope.traceparent };
    const span = instrument.begin(work, trace, envelope.id);
    try {
      const unit = unitOfWork(tx, { caller: serviceCaller(service, envelope), trace: span.under(trace), cancellation: NEVER });
      await run(data.value, Object.assign(unit.context(undefined), { event: infoOf(envelope) }));
      await unit.flush();
      span.end('ok');
    } catch (error) {
      span.end('failed', error);
      throw error;
    }
  };
}

const infoOf = ({ id, type, key, timestamp, correlationId }: Envelope): EventInfo => ({ id, type, key, timestamp, correlationId });

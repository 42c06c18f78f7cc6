import { DEFAULT_RETRY, type EventHandler, topicOf } from '../../bus/index.ts';
import { type EventRef, readEvent } from '../../contract/index.ts';
import { issuesText, RametError } from '../../errors/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import { awaitedEvents, keepEvent } from '../../saga/index.ts';
import type { ServiceDefinition } from '../definition.ts';
import type { KeptEvents } from './kept-events.ts';
import { type HostedSubscription, hostHandlers, type SubscriptionEnvironment } from './subscriptions.ts';

/** What has not come in by then does not hold up the ends of waits any longer: it may stand behind a failure. */
const CATCH_UP_MAX_MS = 30 * SECOND;

/**
 * The subscription by which a service keeps the events that its sagas wait for. It is one of its own, so that a reaction that
 * fails does not keep an event from the sagas.
 * @param kept is notified of every event that was kept
 * @returns undefined when no saga waits for anything
 */
export function hostListener(
  definition: ServiceDefinition,
  environment: Omit<SubscriptionEnvironment, 'unitOfWork'>,
  kept: KeptEvents,
): HostedSubscription | undefined {
  const { name } = definition.contract;
  const events = awaitedEvents(definition.sagas);
  if (events.size === 0) return undefined;
  const handlers = new Map([...events].map(([topic, event]) => [topic, keeper(event, kept)]));
  return hostHandlers(name, { name: `${name}:sagas`, poison: 'park-key', attempts: DEFAULT_RETRY.maxAttempts }, handlers, environment);
}

function keeper(event: EventRef, kept: KeptEvents): EventHandler {
  const topic = topicOf(event.service, event.name);
  return async (envelope, tx) => {
    const data = readEvent(event, envelope.version, envelope.data);
    if (!data.ok)
      throw new RametError(
        'UnknownEvent',
        `'${topic}' (version ${envelope.version}) does not fit what the sagas that wait for it know: ${issuesText(data.issues)}`,
        { issues: data.issues },
      );
    const woken = await keepEvent(tx, envelope, data.value);
    tx.afterCommit(() => kept.notify(woken));
  };
}

/**
 * Whether what had been published when the process started has come in. A reply that was given in time, while the process was
 * away, is seen before the time is over for it.
 * @param lag how many events the subscription has still to settle
 */
export function catchingUp(platform: Platform, listener: HostedSubscription | undefined, lag: HostLag | undefined): () => Promise<boolean> {
  let done = listener === undefined || lag === undefined;
  let sinceMono: number | undefined;
  return async () => {
    if (done || listener === undefined || lag === undefined) return true;
    sinceMono ??= platform.clock.monoNow();
    // A source that cannot be asked may have something.
    done = (await lag(listener).catch(() => 1)) === 0 || platform.clock.monoNow() - sinceMono > CATCH_UP_MAX_MS;
    return done;
  };
}

/** How many events a subscription has still to settle. */
export type HostLag = (subscription: Pick<HostedSubscription, 'group' | 'topics' | 'sink'>) => Promise<number>;

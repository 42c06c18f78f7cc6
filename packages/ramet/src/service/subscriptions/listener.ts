import { DEFAULT_RETRY, type EventHandler, topicOf } from '../../bus/index.ts';
import { type EventRef, readEvent } from '../../contract/index.ts';
import { issuesText, RametError } from '../../errors/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import { awaitedEvents, keepEvent } from '../../saga/index.ts';
import type { ServiceDefinition } from '../definition.ts';
import type { KeptEvents } from './kept-events.ts';
import { type HostedSubscription, hostHandlers, type SubscriptionEnvironment } from './subscriptions.ts';

/** How long waits do not time out while the mailbox catches up: an event may be blocked behind a failed one. */
const CATCH_UP_MAX_MS = 30 * SECOND;

/**
 * Makes the subscription that keeps the events for which the sagas of a service wait. It is separate from the reactions, so that a
 * reaction that fails does not withhold an event from the sagas.
 * @param kept is notified of every event that was kept
 * @returns undefined if no saga waits for an event
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
        `'${topic}' (version ${envelope.version}) does not fit the contract that the waiting sagas know: ${issuesText(data.issues)}`,
        { issues: data.issues },
      );
    const woken = await keepEvent(tx, envelope, data.value);
    tx.afterCommit(() => kept.notify(woken));
  };
}

/**
 * Makes the function that says whether the mailbox has every event that was published before the process started. So an event that
 * was published in time, while the process was down, is seen before its wait times out.
 * @param lag how many events the subscription has not handled yet
 */
export function catchingUp(platform: Platform, listener: HostedSubscription | undefined, lag: HostLag | undefined): () => Promise<boolean> {
  let done = listener === undefined || lag === undefined;
  let sinceMono: number | undefined;
  return async () => {
    if (done || listener === undefined || lag === undefined) return true;
    sinceMono ??= platform.clock.monoNow();
    // A source that does not answer may have an event.
    done = (await lag(listener).catch(() => 1)) === 0 || platform.clock.monoNow() - sinceMono > CATCH_UP_MAX_MS;
    return done;
  };
}

/** Counts the events that a subscription has not handled yet. */
export type HostLag = (subscription: Pick<HostedSubscription, 'group' | 'topics' | 'sink'>) => Promise<number>;

import type { OutboxWriter } from '../../bus/index.ts';
import type { CompiledContract } from '../../contract/index.ts';
import { newId, type Platform } from '../../platform/index.ts';
import type { Dispatcher, TransportRoutes } from '../../rpc/index.ts';
import type { Masker, SagaEngine } from '../../saga/index.ts';
import type { Store } from '../../store/index.ts';
import type { EventLog, Instrument, Metrics } from '../../telemetry/index.ts';
import type { Door } from '../calls/door.ts';
import type { LoopLag } from '../calls/shedding.ts';
import type { ServiceDefinition } from '../definition.ts';
import type { HostLag } from '../subscriptions/listener.ts';
import type { HostedSubscription } from '../subscriptions/subscriptions.ts';

/** What a process gives to each service that it hosts. */
export interface HostEnvironment {
  readonly platform: Platform;
  readonly store: Store;
  readonly transport: TransportRoutes;
  readonly log: EventLog;
  readonly metrics: Metrics;
  /** Names this start of the process in the leases that the service takes. */
  readonly owner: string;
  /** Posts an alert; absent where no webhook is configured. */
  readonly postAlert?: (alert: unknown, id: string) => Promise<void>;
  /** Listens to what the service does. */
  readonly instrument?: Instrument;
  /** The lag of the process's event loop, measured once for all its services. */
  readonly loopLag?: LoopLag;
  /** Counts the events that a subscription has still to handle; absent where that is unknown. */
  readonly lag?: HostLag;
  /** Counts the calls inside the service, and refuses calls while it is closed. One door serves every start of the service. */
  readonly door?: Door;
}

/** One start of a service in a process: what answers calls, what consumes events, and what works in the background. */
export interface HostedService {
  readonly name: string;
  readonly contract: CompiledContract;
  readonly definition: ServiceDefinition;
  readonly dispatcher: Dispatcher;
  readonly outbox: OutboxWriter;
  readonly store: Store;
  /** One for each subscription, and one more when its sagas wait for events; empty when it takes no events. */
  readonly consumers: readonly HostedSubscription[];
  readonly engine: SagaEngine | undefined;
  readonly masker: Masker;
  /** Looks for due work and schedules now: an operator has made some due. */
  wake(): void;
  /** Begins the background work: sagas, schedules, timers, retries, effects that an earlier process left. */
  start(): void;
  /** Ends the waits of queries and streams, so that they answer with what there is. */
  endWaits(): void;
  /** Ends the background work: sagas at a step, schedules, timers and retries between two runs; effects under way finish. Calls are still answered. */
  quiesce(): Promise<void>;
  /** Gives back what calls have taken on lease since the background work ended. */
  release(): Promise<void>;
}

/** @returns a name for one start of a process, unique among all */
export const newOwner = (platform: Platform): string => newId(platform, 'own');

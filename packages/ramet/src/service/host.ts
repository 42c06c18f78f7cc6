import { createOutbox, type EventOutcome, type OutboxWriter } from '../bus/index.ts';
import { type CompiledContract, type CompiledOperation, compileContract } from '../contract/index.ts';
import { newId, type Platform } from '../platform/index.ts';
import { type CallWatcher, type CompiledUses, compileUses, type Dispatcher, Outbound, type TransportRoutes } from '../rpc/index.ts';
import { type Masker, PastSagas, SagaEngine, type SagaState, slowCircuits } from '../saga/index.ts';
import { createRetention, inTurns, type Store, type Tx } from '../store/index.ts';
import type { EventLog, Metrics } from '../telemetry/index.ts';
import { createDispatcher } from './calls/dispatcher.ts';
import { LoopLag, type Priority } from './calls/shedding.ts';
import { ChangeHub } from './changes.ts';
import type { ServiceDefinition } from './definition.ts';
import { compileEffects } from './effects/compiled-effect.ts';
import { EffectRunner } from './effects/effect-runner.ts';
import { keepSagasMs, keepSagasProblems } from './sagas/keep-sagas.ts';
import { maskerOf } from './sagas/masker.ts';
import { SagaCodecs } from './sagas/saga-codecs.ts';
import { hostSchedules, scheduleProblems } from './schedules/schedules.ts';
import { deliveries } from './sent-commands.ts';
import { catchingUp, type HostLag, hostListener } from './subscriptions/listener.ts';
import { groupReactions, type HostedSubscription, hostSubscriptions } from './subscriptions/subscriptions.ts';
import { UnitOfWork, type WorkEnvironment, type WorkOrigin } from './unit-of-work.ts';

export interface HostEnvironment {
  readonly platform: Platform;
  readonly store: Store;
  readonly transport: TransportRoutes;
  readonly log: EventLog;
  readonly metrics: Metrics;
  /** Unique to this start of the process. */
  readonly owner: string;
  /** Posts an alert to whoever is to be told; undefined when nobody is. */
  readonly postAlert?: (alert: unknown, id: string) => Promise<void>;
  readonly observe?: HostObserver;
  /** Sees what the policies of this service's calls do. */
  readonly watch?: CallWatcher;
  /** That of the process, where it hosts several services. */
  readonly loopLag?: LoopLag;
  /** How many events a subscription has still to settle; left out where that cannot be known. */
  readonly lag?: HostLag;
}

export interface HostObserver {
  call(service: string, operation: string, outcome: string, ms: number): void;
  /** A call was turned away because the process has too much to do. */
  shed(service: string, priority: Priority): void;
  event(subscriber: string, event: string, outcome: EventOutcome, eventId: string): void;
  /** A subscription cannot have so many positions of a source, because they were deleted before it asked for them. */
  missed(subscriber: string, source: string, positions: number): void;
  /** A run of a schedule has ended. */
  scheduleRun(service: string, schedule: string, outcome: 'done' | 'failed'): void;
  sagaFinished(saga: string, state: SagaState, ms: number): void;
  sagaStep(saga: string, step: string, outcome: string, ms: number): void;
}

/** A service in a process: what answers calls, what consumes events, and everything that works in the background. */
export interface HostedService {
  readonly name: string;
  readonly contract: CompiledContract;
  readonly definition: ServiceDefinition;
  readonly dispatcher: Dispatcher;
  readonly outbox: OutboxWriter;
  readonly store: Store;
  /** One for each subscription, and one more when its sagas wait for events; none when it takes no events. */
  readonly consumers: readonly HostedSubscription[];
  readonly engine: SagaEngine | undefined;
  readonly uses: CompiledUses;
  readonly masker: Masker;
  /** Looks for due work and schedules now: an operator has made some due. */
  wake(): void;
  start(): void;
  /** Ends the waits of queries and streams, so that they answer with what there is. */
  endWaits(): void;
  /** Ends the background work; calls are still answered. */
  stop(): Promise<void>;
}

/** Everything that is wrong with a service, found without starting it. */
export function checkService(definition: ServiceDefinition): string[] {
  const { compiled, problems: ofContract } = compileContract(definition.contract);
  const problems = [...ofContract];
  const service = `service '${compiled.contract.name}'`;
  for (const { operation } of compiled.operations.values()) {
    const handlers = operation.kind === 'command' ? definition.commands : definition.queries;
    if (!(operation.name in handlers)) problems.push(`${service}: ${operation.kind} '${operation.name}' has no handler`);
  }
  for (const name of [...Object.keys(definition.commands), ...Object.keys(definition.queries)]) {
    if (!(name in definition.contract.commands) && !(name in definition.contract.queries))
      problems.push(`${service}: there is a handler '${name}', but the contract has no such operation`);
  }
  problems.push(...groupReactions(compiled.contract.name, definition.reactions).problems);
  problems.push(...scheduleProblems(compiled.contract.name, definition.schedules));
  problems.push(...SagaCodecs.compile(compiled.contract.name, definition.sagas).problems);
  problems.push(...compileEffects(definition, compiled).problems);
  problems.push(...keepSagasProblems(compiled.contract.name, definition));
  return problems;
}

/** Puts a service together on its store. Nothing runs until `start`. */
export function hostService(definition: ServiceDefinition, environment: HostEnvironment): HostedService {
  const { platform, store, transport, owner, observe, metrics } = environment;
  const { compiled: contract } = compileContract(definition.contract);
  const { name } = contract.contract;
  const outbound = new Outbound(platform, name, environment.watch);
  const log = environment.log.child({ service: name });
  const { uses } = compileUses(platform, transport, `service '${name}'`, definition.uses, outbound);
  const { codecs: sagaCodecs } = SagaCodecs.compile(name, definition.sagas);
  const outbox = createOutbox(store);
  const changes = new ChangeHub(platform);
  let engine: SagaEngine | undefined;
  const due = deliveries({ platform, store, transport, outbound, service: name, log, postAlert: environment.postAlert });
  const work: WorkEnvironment = {
    platform,
    contract,
    targets: targetsOf(definition),
    outbox,
    changes,
    log,
    metrics,
    sagaCodecs,
    engine: () => engine,
    wakeDue: () => due.wake(),
  };
  const unitOfWork = (tx: Tx, origin: WorkOrigin) => new UnitOfWork(work, origin, tx);
  const { effects } = compileEffects(definition, contract);
  const runner = new EffectRunner({ platform, store, log, metrics, effects, externals: uses.all, unitOfWork, owner });
  const subscriptions = {
    platform,
    store: inTurns(store),
    log,
    alerts: environment.postAlert !== undefined,
    ...(observe
      ? {
          onOutcome: (group: string, event: string, outcome: EventOutcome, eventId: string) =>
            observe.event(group, event, outcome, eventId),
          onMissed: (group: string, source: string, positions: number) => observe.missed(group, source, positions),
        }
      : {}),
  };
  const listener = hostListener(definition, subscriptions, () => engine);
  const consumers = [...hostSubscriptions(definition, { ...subscriptions, unitOfWork }), ...(listener ? [listener] : [])];
  for (const { advice, ...where } of slowCircuits(definition.sagas)) log.event('circuit_too_slow', where, advice);
  if (definition.sagas.length > 0) {
    engine = new SagaEngine({
      platform,
      store,
      service: name,
      sagas: definition.sagas,
      transport,
      outbound,
      owner,
      log,
      alerts: { outbox, log, webhook: environment.postAlert !== undefined },
      caughtUp: catchingUp(platform, listener, environment.lag),
      ...(observe
        ? {
            onFinished: (saga, state, ms) => observe.sagaFinished(saga, state, ms),
            onStep: (saga, step, outcome, ms) => observe.sagaStep(saga, step, outcome, ms),
          }
        : {}),
    });
  }
  const dispatcher = createDispatcher({
    platform,
    definition,
    contract,
    store,
    log,
    metrics,
    clients: uses.all,
    changes,
    effects,
    runner,
    unitOfWork,
    lag: environment.loopLag ?? new LoopLag(platform),
    ...(observe
      ? {
          onCall: (operation, outcome, ms) => observe.call(name, operation, outcome, ms),
          onShed: (priority) => observe.shed(name, priority),
        }
      : {}),
  });
  for (const [gauge, { description, read }] of Object.entries(definition.gauges))
    metrics.gauge(gauge, { description }, async () => read({ db: store.reader.db }));
  const retention = createRetention(store, platform, (error) => log.event('retention_failed', { err: error }));
  const past = new PastSagas({
    platform,
    store,
    service: name,
    transport,
    outbound,
    keepMs: keepSagasMs(definition),
    onError: (error) => log.event('saga_retention_failed', { err: error }),
  });
  const schedules = hostSchedules(definition, {
    platform,
    store,
    owner,
    unitOfWork,
    onError: (error, run) => log.event(run ? 'schedule_failed' : 'schedules_unavailable', { err: error, ...run }),
    onGivenUp: (schedule, starts) => log.event('schedule_given_up', { schedule, starts }),
    ...(observe ? { onRun: (schedule, outcome) => observe.scheduleRun(name, schedule, outcome) } : {}),
  });
  return {
    name,
    contract,
    definition,
    dispatcher,
    outbox,
    store,
    consumers,
    engine,
    uses,
    masker: maskerOf(definition),
    wake() {
      due.wake();
      schedules.wake();
    },
    start() {
      due.start();
      retention.start();
      past.start();
      schedules.start();
      runner.start();
      for (const { sink } of consumers) sink.retries.start();
      engine?.start();
    },
    endWaits: () => changes.end(),
    async stop() {
      await engine?.stop();
      await Promise.all([
        ...consumers.map(({ sink }) => sink.retries.stop()),
        due.stop(),
        schedules.stop(),
        runner.stop(),
        retention.stop(),
        past.stop(),
      ]);
      await Promise.all(consumers.map(({ sink }) => sink.flush().catch(() => {})));
    },
  };
}

/** The commands that a service may send: its own, and those of every contract that it or one of its sagas uses. */
function targetsOf(definition: ServiceDefinition): ReadonlyMap<string, CompiledOperation> {
  const uses = [definition.uses, ...definition.sagas.map((saga) => saga.uses)].flatMap((some) => Object.values(some));
  const contracts = [definition.contract, ...uses.flatMap((use) => ('contract' in use ? [use.contract] : []))];
  return new Map(
    contracts
      .flatMap((contract) => [...compileContract(contract).compiled.operations.values()])
      .filter(({ operation }) => operation.kind === 'command')
      .map((operation) => [operation.fullName, operation]),
  );
}

export const newOwner = (platform: Platform): string => newId(platform, 'own');

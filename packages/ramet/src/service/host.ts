import { Consumer, createOutbox, type EventHandler, type EventOutcome, type OutboxWriter, topicOf } from '../bus/index.ts';
import { type CompiledContract, compileContract, compileSchema, mask } from '../contract/index.ts';
import { RametError } from '../errors/index.ts';
import { newId, type Platform } from '../platform/index.ts';
import { type CompiledUses, compileUses, DEFAULT_POLICY, type Dispatcher, Edge, NEVER, type TransportRoutes } from '../rpc/index.ts';
import { ALERT_WORK, type Masker, SagaEngine, type SagaState } from '../saga/index.ts';
import { serviceCaller } from '../security/index.ts';
import { createRetention, DueWorker, type Store, type Tx } from '../store/index.ts';
import type { Log, Metrics } from '../telemetry/index.ts';
import { ChangeHub } from './changes.ts';
import { compileEffects } from './compiled-effect.ts';
import { createDispatcher } from './dispatcher.ts';
import { EffectRunner } from './effect-runner.ts';
import { SagaCodecs } from './saga-codecs.ts';
import type { Reaction, ServiceDefinition } from './types.ts';
import { SEND_WORK, type SentCommand, UnitOfWork, type WorkEnvironment, type WorkOrigin } from './unit-of-work.ts';

export interface HostEnvironment {
  readonly platform: Platform;
  readonly store: Store;
  readonly transport: TransportRoutes;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Unique to this start of the process. */
  readonly owner: string;
  /** Posts an alert to whoever is to be told; undefined when nobody is. */
  readonly postAlert?: (alert: unknown, id: string) => Promise<void>;
  readonly observe?: HostObserver;
}

export interface HostObserver {
  call(service: string, operation: string, outcome: string, ms: number): void;
  event(subscriber: string, event: string, outcome: EventOutcome): void;
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
  /** Undefined when the service reacts to nothing. */
  readonly consumer: { readonly sink: Consumer; readonly topics: ReadonlySet<string> } | undefined;
  readonly engine: SagaEngine | undefined;
  readonly uses: CompiledUses;
  readonly masker: Masker;
  start(): void;
  /** Ends the waits of queries and streams, so that they answer with what there is. */
  endWaits(): void;
  /** Ends the background work; calls are still answered. */
  stop(): Promise<void>;
}

/** Everything that is wrong with a service, found without starting it. */
export function checkService(definition: ServiceDefinition): string[] {
  const { compiled, problems } = compileContract(definition.contract);
  const service = `service '${compiled.contract.name}'`;
  for (const { operation } of compiled.operations.values()) {
    const handlers = operation.kind === 'command' ? definition.commands : definition.queries;
    if (!(operation.name in handlers)) problems.push(`${service}: ${operation.kind} '${operation.name}' has no handler`);
  }
  for (const name of [...Object.keys(definition.commands), ...Object.keys(definition.queries)]) {
    if (!compiled.operations.has(name)) problems.push(`${service}: there is a handler '${name}', but the contract has no such operation`);
  }
  const reactions = new Set<string>();
  for (const { event } of definition.reactions) {
    const topic = topicOf(event.service, event.name);
    if (reactions.has(topic)) problems.push(`${service}: two reactions to '${topic}'; make them one, or two services`);
    reactions.add(topic);
  }
  problems.push(...SagaCodecs.compile(compiled.contract.name, definition.sagas).problems);
  problems.push(...compileEffects(definition, compiled).problems);
  return problems;
}

/** Puts a service together on its store. Nothing runs until `start`. */
export function hostService(definition: ServiceDefinition, environment: HostEnvironment): HostedService {
  const { platform, store, transport, owner, observe, metrics } = environment;
  const { compiled: contract } = compileContract(definition.contract);
  const { name } = contract.contract;
  const log = environment.log.child({ service: name });
  const { uses } = compileUses(platform, transport, `service '${name}'`, definition.uses);
  const { codecs: sagaCodecs } = SagaCodecs.compile(name, definition.sagas);
  const outbox = createOutbox(store);
  const changes = new ChangeHub(platform);
  let engine: SagaEngine | undefined;
  const due = dueWorker(environment, name, log);
  const work: WorkEnvironment = {
    platform,
    contract,
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
  const runner = new EffectRunner({ platform, store, log, metrics, effects, externals: uses.all, unitOfWork });
  if (definition.sagas.length > 0) {
    engine = new SagaEngine({
      platform,
      store,
      service: name,
      sagas: definition.sagas,
      transport,
      owner,
      log,
      alerts: { outbox, log, webhook: environment.postAlert !== undefined },
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
    ...(observe ? { onCall: (operation, outcome, ms) => observe.call(name, operation, outcome, ms) } : {}),
  });
  for (const [gauge, { description, read }] of Object.entries(definition.gauges))
    metrics.gauge(gauge, { description }, async () => read({ db: store.reader.db }));
  const retention = createRetention(store, platform, (error) =>
    log.warn({ err: error }, 'what is out of date could not be deleted; it is tried later'),
  );
  const consumer = consumerOf(definition, environment, name, log, unitOfWork);
  return {
    name,
    contract,
    definition,
    dispatcher,
    outbox,
    store,
    consumer,
    engine,
    uses,
    masker: maskerOf(sagaCodecs, definition),
    start() {
      due.start();
      retention.start();
      runner.start();
      consumer?.sink.retries.start();
      engine?.start();
    },
    endWaits: () => changes.end(),
    async stop() {
      await engine?.stop();
      await Promise.all([consumer?.sink.retries.stop(), due.stop(), runner.stop(), retention.stop()]);
      await consumer?.sink.flush().catch(() => {});
    },
  };
}

function consumerOf(
  definition: ServiceDefinition,
  { platform, store, observe }: HostEnvironment,
  name: string,
  log: Log,
  unitOfWork: (tx: Tx, origin: WorkOrigin) => UnitOfWork,
): HostedService['consumer'] {
  if (definition.reactions.length === 0) return undefined;
  const handlers = new Map<string, EventHandler>();
  for (const reaction of definition.reactions)
    handlers.set(topicOf(reaction.event.service, reaction.event.name), reactionHandler(name, reaction, unitOfWork));
  const sink = new Consumer({
    platform,
    store,
    subscriber: name,
    handlers,
    onError: (error) => log.warn({ err: error }, 'events that failed could not be taken up again; it is tried later'),
    onOutcome: (outcome, envelope, failure) => {
      observe?.event(name, envelope.type, outcome);
      const fields = { event: envelope.type, eventId: envelope.id, key: envelope.key, correlationId: envelope.correlationId };
      if (outcome === 'dead')
        log.error({ ...fields, failure: failure?.message }, 'an event became a dead letter; its key waits until it is replayed');
      else if (outcome === 'retrying')
        log.warn({ ...fields, failure: failure?.message }, 'an event could not be handled; it is tried again');
    },
  });
  return { sink, topics: new Set(handlers.keys()) };
}

function reactionHandler(
  service: string,
  { event, run }: Reaction<any, any>,
  unitOfWork: (tx: Tx, origin: WorkOrigin) => UnitOfWork,
): EventHandler {
  const { codec } = compileSchema(event.schema);
  return async (envelope, tx) => {
    if (envelope.version > event.version)
      throw new RametError(
        'UnknownEvent',
        `'${envelope.type}' came in version ${envelope.version}; '${service}' knows up to ${event.version}`,
      );
    const data = codec.decode(envelope.data);
    if (!data.ok)
      throw new RametError('UnknownEvent', `'${envelope.type}' does not fit the schema that '${service}' knows`, { issues: data.issues });
    const trace = { correlationId: envelope.correlationId, causationId: envelope.id, traceparent: envelope.traceparent };
    const work = unitOfWork(tx, { caller: serviceCaller(service, envelope.initiator), trace, cancellation: NEVER });
    const info = {
      id: envelope.id,
      type: envelope.type,
      key: envelope.key,
      timestamp: envelope.timestamp,
      correlationId: envelope.correlationId,
    };
    await run(data.value, Object.assign(work.context(undefined), { event: info }) as never);
    await work.flush();
  };
}

/** Delivers what was sent and what is to be told, until it is done. */
function dueWorker({ platform, store, transport, postAlert }: HostEnvironment, service: string, log: Log): DueWorker {
  const edges = new Map<string, Edge>();
  const edgeTo = (target: string): Edge => {
    const edge = edges.get(target) ?? new Edge(platform, transport, target, DEFAULT_POLICY);
    edges.set(target, edge);
    return edge;
  };
  const handlers = new Map<string, (payload: unknown, work: { id: string }) => Promise<void>>([
    [
      SEND_WORK,
      async (payload, { id }) => {
        const sent = payload as SentCommand;
        const origin = {
          meta: { caller: serviceCaller(service, sent.initiator), trace: { ...sent.trace, causationId: id }, depth: 0 },
          remainingMs: () => Number.POSITIVE_INFINITY,
          signal: undefined,
        };
        const reply = await edgeTo(sent.service).call(
          { kind: 'command', service: sent.service, name: sent.operation },
          sent.input,
          origin,
          { key: id, durable: true },
        );
        if (reply.ok) return;
        if (reply.kind === 'declared' || reply.code === 'BadRequest') {
          log.warn(
            { sent: `${sent.service}.${sent.operation}`, id, refusal: reply.kind === 'declared' ? reply.error : reply.detail },
            'a sent command was refused for good',
          );
          return;
        }
        throw new RametError(reply.code, reply.detail);
      },
    ],
  ]);
  if (postAlert) handlers.set(ALERT_WORK, (payload, { id }) => postAlert(payload, id));
  return new DueWorker({
    store,
    platform,
    handlers,
    onError: (error, work) => log.warn({ err: error, ...work }, 'due work failed; it is tried again'),
  });
}

function maskerOf(sagaCodecs: SagaCodecs, definition: ServiceDefinition): Masker {
  const secrets = new Map<string, readonly string[]>();
  const contracts = [
    definition.contract,
    ...definition.sagas.flatMap((saga) => Object.values(saga.uses)).flatMap((use) => ('contract' in use ? [use.contract] : [])),
  ];
  for (const contract of contracts)
    for (const { fullName, input } of compileContract(contract).compiled.operations.values()) secrets.set(fullName, input.secrets);
  return (what, value) =>
    mask(value, 'saga' in what ? sagaCodecs.secretsOf(what.saga) : (secrets.get(`${what.service}.${what.operation}`) ?? []));
}

export const newOwner = (platform: Platform): string => newId(platform, 'own');

import { type Envelope, type OutboxWriter, topicOf } from '../bus/index.ts';
import { type AnyContract, type CompiledContract, type CompiledOperation, type EventRef, shownFailure } from '../contract/index.ts';
import { DeclaredError, RametError } from '../errors/index.ts';
import { type Duration, durationMs, LEASE_MS, newId, type Platform } from '../platform/index.ts';
import type { Cancellation } from '../rpc/index.ts';
import { insertSaga, requestCancel, type Saga, type SagaEngine } from '../saga/index.ts';
import { type Caller, type Initiation, initiationOf } from '../security/index.ts';
import { schedule, type Tx } from '../store/index.ts';
import type { EventLog, Log, Metrics, Trace } from '../telemetry/index.ts';
import type { ChangeHub } from './changes.ts';
import type { SendTarget, Undoing, WriteContext } from './contexts.ts';
import type { SagaCodecs } from './sagas/saga-codecs.ts';

/** The kind of due work that delivers a sent command. */
export const SEND_WORK = 'send';

/** A sent command as its row stores it. */
export interface SentCommand extends Initiation {
  readonly service: string;
  readonly operation: string;
  readonly input: unknown;
  readonly trace: Trace;
}

/** What a unit of work works with. */
export interface WorkEnvironment {
  readonly platform: Platform;
  readonly contract: CompiledContract;
  /** The commands that may be sent, by full name: those of the service, and of the services that it uses. */
  readonly targets: ReadonlyMap<string, CompiledOperation>;
  readonly outbox: OutboxWriter;
  readonly changes: ChangeHub;
  readonly log: EventLog;
  readonly metrics: Metrics;
  readonly sagaCodecs: SagaCodecs;
  /** Undefined for a service without sagas. */
  readonly engine: SagaEngine | undefined;
  readonly wakeDue: () => void;
}

/** The caller of a handler, and why it runs. */
export interface WorkOrigin {
  readonly caller: Caller;
  readonly trace: Trace;
  readonly cancellation: Cancellation;
  readonly undoing?: Undoing;
}

/**
 * The work of one run of a handler besides its own tables: it gathers events, sagas and commands to send while the handler runs.
 * {@link UnitOfWork.flush} writes them as the last statements of the transaction.
 */
export class UnitOfWork {
  readonly #environment: WorkEnvironment;
  readonly #origin: WorkOrigin;
  readonly #tx: Tx;
  readonly #events: Envelope[] = [];
  readonly #starts: { saga: Saga; input: Record<string, unknown> }[] = [];
  readonly #cancels: Promise<unknown>[] = [];
  #flushed = false;
  readonly #sends: { id: string; afterMs: number; command: SentCommand }[] = [];

  constructor(environment: WorkEnvironment, origin: WorkOrigin, tx: Tx) {
    this.#environment = environment;
    this.#origin = origin;
    this.#tx = tx;
  }

  /** Makes the context of a handler that writes. @param operation declares its failures; a reaction has none */
  context(operation: CompiledOperation | undefined): WriteContext<AnyContract, any, any> {
    const { platform, contract, log } = this.#environment;
    const origin = this.#origin;
    const emit = this.#emitters(contract);
    return {
      db: this.#tx.db,
      crypto: platform.crypto,
      metrics: this.#environment.metrics,
      log: handlerLog(log, origin.trace),
      caller: origin.caller,
      now: () => new Date(platform.clock.wallNow()),
      get signal() {
        return origin.cancellation.signal;
      },
      id: (prefix: string) => newId(platform, prefix),
      fail: failures(operation),
      emit,
      start: (saga: Saga, input: unknown) => {
        this.#open();
        this.#starts.push({ saga, input: this.#environment.sagaCodecs.decode(saga, input) });
      },
      cancel: (saga: Saga, key: string, reason: string) => this.#cancel(saga, key, reason),
      send: (to: SendTarget, input: unknown, o?: { after?: Duration }) => this.#send(to, input, o),
      ...(origin.undoing ? { undoing: origin.undoing } : {}),
    };
  }

  /** Writes what was gathered: sagas, sent commands, and last the events, whose positions lock out other transactions. */
  async flush(): Promise<void> {
    this.#flushed = true;
    for (const cancelled of this.#cancels) await cancelled;
    const { platform, outbox, changes, engine, wakeDue } = this.#environment;
    for (const { saga, input } of this.#starts) {
      if (!engine) throw new RametError('Internal', `saga '${saga.name}' is not listed in 'sagas' of its service`);
      const inserted = await insertSaga(this.#tx, platform, engine.owner, LEASE_MS, {
        saga,
        input,
        initiation: initiationOf(this.#origin.caller),
        trace: this.#origin.trace,
      });
      this.#tx.afterCommit(() => {
        if (inserted.row) engine.started(inserted.row);
      });
    }
    for (const { id, afterMs, command } of this.#sends)
      schedule(this.#tx, { id, kind: SEND_WORK, lane: `${command.service}.${command.operation}`, afterMs, payload: command });
    if (this.#sends.length > 0) this.#tx.afterCommit(wakeDue);
    if (this.#events.length === 0) return;
    await outbox.append(this.#tx, this.#events);
    const keys = this.#events.map((event) => event.key);
    this.#tx.afterCommit(() => changes.notify(keys));
  }

  #emitters(contract: CompiledContract): Record<string, (data: unknown) => void> {
    const emitters: Record<string, (data: unknown) => void> = {};
    for (const [name, { event, codec }] of contract.events) {
      emitters[name] = (data) => {
        const decoded = codec.decode(data);
        if (!decoded.ok)
          throw new RametError('InvalidOutput', `event '${topicOf(event.service, name)}' does not fit its contract`, {
            issues: decoded.issues,
          });
        this.#open();
        this.#events.push(
          this.#envelope(event.service, name, event.version, String((decoded.value as Record<string, unknown>)[event.key]), decoded.value),
        );
      };
    }
    return emitters;
  }

  #envelope(service: string, name: string, version: number, key: string, data: unknown): Envelope {
    const { platform } = this.#environment;
    const { trace, caller } = this.#origin;
    return {
      id: newId(platform, 'evt'),
      type: topicOf(service, name),
      version,
      source: service,
      key,
      timestamp: new Date(platform.clock.wallNow()).toISOString(),
      correlationId: trace.correlationId,
      ...(trace.causationId === undefined ? {} : { causationId: trace.causationId }),
      traceparent: trace.traceparent,
      ...initiationOf(caller),
      data,
    };
  }

  /** Refuses requests of a handler that has returned: they would be lost. @throws RametError TransactionClosed */
  #open(): void {
    if (this.#flushed) throw new RametError('TransactionClosed');
  }

  /** Cancels a saga; this is part of the transaction, whether the handler awaits it or not. */
  #cancel(saga: Saga, key: string, reason: string): Promise<'accepted' | 'refused'> {
    this.#open();
    const cancelled = this.#requestCancel(saga, key, reason);
    // Otherwise `flush` throws the failure.
    cancelled.catch(() => {});
    this.#cancels.push(cancelled);
    return cancelled;
  }

  async #requestCancel(saga: Saga, key: string, reason: string): Promise<'accepted' | 'refused'> {
    const { answer } = await requestCancel(this.#tx, saga, key, reason);
    if (answer === 'accepted') this.#tx.afterCommit(() => this.#environment.engine?.poke());
    return answer;
  }

  /** Says why something is not a target of `send`, and what to write instead. */
  #whyNoTarget(to: Partial<SendTarget | EventRef> | undefined): string {
    const { name: sender } = this.#environment.contract.contract;
    if (to?.service === undefined || to.name === undefined)
      return `'${sender}' calls 'send' without a command: write send(Orders.commands.place, …), with a command of a contract`;
    const what = `'${sender}' sends '${to.service}.${to.name}'`;
    if ('schema' in to)
      return to.service === sender
        ? `${what}, which is an event: write emit.${to.name}(…)`
        : `${what}, which is an event of another service; only '${to.service}' emits it`;
    if ('kind' in to && to.kind !== 'command') return `${what}, which is a ${to.kind}; only commands are sent`;
    const declared = to.service === sender || [...this.#environment.targets.values()].some((of) => of.operation.service === to.service);
    return declared
      ? `${what}, but the declared contract of '${to.service}' has no command '${to.name}': pass the contract with it to 'use()'`
      : `${what}, but does not declare '${to.service}' in 'uses'; add it`;
  }

  #send(to: SendTarget, input: unknown, o: { after?: Duration } | undefined): void {
    this.#open();
    const target = to?.kind === 'command' ? this.#environment.targets.get(`${to.service}.${to.name}`) : undefined;
    if (!target) throw new RametError('UndeclaredTarget', this.#whyNoTarget(to));
    const decoded = target.input.decode(input);
    if (!decoded.ok)
      throw new RametError('InvalidOutput', `the input of the sent command '${target.fullName}' does not fit its contract`, {
        issues: decoded.issues,
      });
    this.#sends.push({
      id: newId(this.#environment.platform, 'cmd'),
      afterMs: o?.after === undefined ? 0 : durationMs(o.after),
      command: {
        service: to.service,
        operation: to.name,
        input: decoded.value,
        ...initiationOf(this.#origin.caller),
        trace: this.#origin.trace,
      },
    });
  }
}

/** Returns functions that make the failures of an operation. Their data is validated, because it goes to clients. */
export function failures(operation: CompiledOperation | undefined): Record<string, (data: unknown) => Error> {
  const made: Record<string, (data: unknown) => Error> = {};
  for (const [name, { status, data: codec }] of operation?.errors ?? []) {
    made[name] = (data) => {
      const decoded = codec.decode(data);
      if (!decoded.ok)
        return new RametError('InvalidOutput', `failure '${name}' of ${operation?.fullName} does not fit its contract`, {
          issues: decoded.issues,
        });
      return new DeclaredError(name, status, decoded.value, shownFailure(operation, name, decoded.value));
    };
  }
  return made;
}

/** Binds the log that a handler receives to the correlation id of a trace. */
export const handlerLog = (log: EventLog, trace: Trace): Log => log.forHandler({ correlationId: trace.correlationId });

/** Binds the framework's log to the correlation id of a trace. */
export const boundLog = (log: EventLog, trace: Trace): EventLog => log.child({ correlationId: trace.correlationId });

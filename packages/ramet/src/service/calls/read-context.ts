import type { CompiledOperation } from '../../contract/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { CallMeta, CallOrigin, Cancellation, ClientFactory, Uses } from '../../rpc/index.ts';
import type { Reads, Store } from '../../store/index.ts';
import type { EventLog, Metrics } from '../../telemetry/index.ts';
import type { ChangeHub, Following } from '../changes.ts';
import type { ReadContext } from '../contexts.ts';
import { failures, handlerLog } from '../unit-of-work.ts';

/** What a reading context works with. */
export interface ReadEnvironment {
  readonly platform: Platform;
  readonly store: Store;
  readonly log: EventLog;
  readonly metrics: Metrics;
  readonly clients: ClientFactory;
  readonly changes: ChangeHub;
}

/**
 * The context of a handler that reads. It is a class, because an object literal with getters is built property by property at
 * every call, which costs more than the call. The dispatcher calls `leave` when the handler has ended.
 */
export class ReadingContext implements ReadContext<any, Uses, any> {
  readonly #environment: ReadEnvironment;
  readonly #compiled: CompiledOperation;
  readonly #meta: CallMeta;
  readonly #cancellation: Cancellation;
  readonly #arrivedMono: number;
  #reads: Reads | undefined;
  /** The keys that the handler follows. */
  #followed: Following[] | undefined;

  constructor(environment: ReadEnvironment, compiled: CompiledOperation, meta: CallMeta, cancellation: Cancellation) {
    this.#environment = environment;
    this.#compiled = compiled;
    this.#meta = meta;
    this.#cancellation = cancellation;
    this.#arrivedMono = environment.platform.clock.monoNow();
  }

  get db() {
    this.#reads ??= this.#environment.store.reads(this.#compiled.fullName);
    return this.#reads.db;
  }

  /** Ends the call: waits for the queries that the handler has issued. @throws RametError Internal when one failed that the handler did not await */
  ended(): Promise<void> | undefined {
    return this.#reads?.ended();
  }

  /** Stops following keys; called when the handler has ended, however it ended. */
  leave(): void {
    if (this.#followed) for (const following of this.#followed) following.leave();
  }

  get caller() {
    return this.#meta.caller;
  }

  get log() {
    return handlerLog(this.#environment.log, this.#meta.trace);
  }

  get now() {
    const { clock } = this.#environment.platform;
    return () => new Date(clock.wallNow());
  }

  get use() {
    const meta = this.#meta;
    const cancellation = this.#cancellation;
    const { platform, clients } = this.#environment;
    const origin: CallOrigin = {
      meta: {
        caller: meta.caller,
        trace: meta.trace,
        depth: meta.depth,
        ...(meta.noRetry ? { noRetry: true } : {}),
      },
      remainingMs: () => meta.timeoutMs - (platform.clock.monoNow() - this.#arrivedMono),
      get signal() {
        return cancellation.signal;
      },
      cancellation,
    };
    return clients(origin);
  }

  get fail() {
    return failures(this.#compiled);
  }

  get signal() {
    return this.#cancellation.signal;
  }

  get crypto() {
    return this.#environment.platform.crypto;
  }

  get metrics() {
    return this.#environment.metrics;
  }

  get changes() {
    return (key: string) => {
      const following = this.#environment.changes.follow(key, this.#cancellation.signal);
      this.#followed ??= [];
      this.#followed.push(following);
      return following;
    };
  }
}

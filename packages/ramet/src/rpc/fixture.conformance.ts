import { expect } from 'vitest';
import { DeclaredError, RametError } from '../errors/index.ts';
import type { Exceptions } from '../platform/cases.conformance.ts';
import type { Platform } from '../platform/index.ts';
import { ANONYMOUS } from '../security/index.ts';
import {
  type CallMeta,
  type CallOrigin,
  Canceller,
  DEFAULT_POLICY,
  type Dispatcher,
  declared,
  Edge,
  fault,
  Outbound,
  type Reply,
  type RpcServer,
  type Transport,
  type TransportCapabilities,
} from './index.ts';

/** What an adapter of {@link Transport} gives to its conformance suite. */
export interface TransportHarness {
  readonly capabilities: TransportCapabilities;
  readonly platform: Platform;
  /** Hosts `dispatchers` where calls arrive, and gives the transport of those who call. */
  connect(dispatchers: ReadonlyMap<string, Dispatcher>, platform: Platform): Promise<{ transport: Transport; close(): Promise<void> }>;
  /** For those that carry calls between processes. */
  readonly remote?: RemoteHarness;
  readonly exceptions?: Exceptions;
}

/** What a transport between processes gives to its conformance suite in addition. */
export interface RemoteHarness {
  /** What the text of one call, or of one answer, may have at most. */
  readonly payloadBytes: number;
  /** Hosts each of `hosted` in a process of its own, behind connections that can be cut, and gives the transport of one more. */
  connect(hosted: readonly ReadonlyMap<string, Dispatcher>[], platform: Platform): Promise<Remotes>;
}

/** The processes of one case. */
export interface Remotes {
  readonly transport: Transport;
  /** In the order in which they were given. */
  readonly servers: readonly RpcServer[];
  /** Ends all connections at once, as a network does. */
  cut(): void;
  close(): Promise<void>;
}

/** What a handler of a case sees of the call that it answers. */
export interface Received {
  readonly meta: CallMeta;
  readonly signal: AbortSignal;
  /** Where calls that this one leads to come from. */
  readonly origin: CallOrigin;
}

/** A handler of a case. */
export type Handler = (input: any, call: Received) => unknown;
/** A handler of a case that answers a stream. */
export type StreamHandler = (input: any, call: Received) => AsyncIterable<unknown>;

/** The handlers of one service, by operation. */
export interface Handlers {
  readonly calls?: Readonly<Record<string, Handler>>;
  readonly streams?: Readonly<Record<string, StreamHandler>>;
}

const TRACE = { correlationId: 'cor_1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };

/** Services that answer calls, and edges to them, for one case. */
export class RpcFixture {
  readonly platform: Platform;
  readonly #harness: TransportHarness;
  readonly #hosted = new Map<string, Dispatcher>();
  readonly #closing: (() => Promise<void>)[] = [];
  #transport: Transport | undefined;

  constructor(harness: TransportHarness) {
    this.#harness = harness;
    // Pauses between attempts are as short as the jitter allows.
    this.platform = { ...harness.platform, random: { ...harness.platform.random, next: () => 0 } };
  }

  /** Hosts a service. Call it before the first {@link edge}. */
  host(service: string, handlers: Handlers): void {
    this.#hosted.set(service, dispatcher(this.platform, service, handlers));
  }

  async transport(): Promise<Transport> {
    if (!this.#transport) {
      const { transport, close } = await this.#harness.connect(this.#hosted, this.platform);
      this.#transport = transport;
      this.#closing.push(close);
    }
    return this.#transport;
  }

  /** Each of `handlers` in a process of its own, all under the name `service`. For transports between processes. */
  async remotes(service: string, ...handlers: readonly Handlers[]): Promise<Remotes> {
    const hosted = handlers.map((one) => new Map([[service, dispatcher(this.platform, service, one)]]));
    const remotes = await (this.#harness.remote as RemoteHarness).connect(hosted, this.platform);
    this.#closing.push(remotes.close);
    this.#transport = remotes.transport;
    return remotes;
  }

  get payloadBytes(): number {
    return this.#harness.remote?.payloadBytes ?? Number.POSITIVE_INFINITY;
  }

  async edge(service: string, policy: Partial<typeof DEFAULT_POLICY> = {}): Promise<Edge> {
    return new Edge(new Outbound(this.platform, 'tests'), await this.transport(), service, { ...DEFAULT_POLICY, ...policy });
  }

  /** Where a call of a client comes from, who may go away. */
  origin(more: Partial<CallOrigin> & { canceller?: Canceller; depth?: number } = {}): CallOrigin {
    const { canceller = new Canceller(), depth = 0, ...rest } = more;
    return {
      meta: { caller: ANONYMOUS, trace: TRACE, depth },
      remainingMs: () => Number.POSITIVE_INFINITY,
      get signal() {
        return canceller.signal;
      },
      ...rest,
    };
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    const deadlineMono = this.platform.clock.monoNow() + 10_000;
    while (!condition()) {
      if (this.platform.clock.monoNow() > deadlineMono) throw new Error(`not within 10 s: ${what}`);
      await this.platform.timers.sleep(1);
    }
  }

  /**
   * Tries with 40 ms, and with twice as much again and again, until a try says that its time was enough to begin: on a busy
   * machine a short time says nothing about a transport.
   */
  async withEnoughTime(run: (timeMs: number) => Promise<boolean>): Promise<void> {
    for (let timeMs = 40; !(await run(timeMs)); timeMs *= 2) if (timeMs > 5_000) throw new Error('five seconds were not enough');
  }

  async dispose(): Promise<void> {
    for (const close of this.#closing) await close();
  }
}

/** Runs a case with services of its own. */
export type OnRpc = (run: (fixture: RpcFixture) => Promise<void>) => () => Promise<void>;

/** Matches a fault. */
export const faulty = (code: string, executed: 'no' | 'unknown') => expect.objectContaining({ ok: false, kind: 'fault', code, executed });
/** Names a query. */
export const query = (service: string, name: string) => ({ kind: 'query', service, name }) as const;
/** Names a command. */
export const command = (service: string, name: string) => ({ kind: 'command', service, name }) as const;

/** As the host of a service answers, without one: decodes what comes in and encodes what goes out, so that both are copies. */
function dispatcher(platform: Platform, service: string, { calls = {}, streams = {} }: Handlers): Dispatcher {
  const received = (meta: CallMeta, signal: () => AbortSignal): Received => {
    const arrivedMono = platform.clock.monoNow();
    return {
      meta,
      get signal() {
        return signal();
      },
      origin: {
        meta: { caller: meta.caller, trace: meta.trace, depth: meta.depth },
        remainingMs: () => meta.timeoutMs - (platform.clock.monoNow() - arrivedMono),
        get signal() {
          return signal();
        },
      },
    };
  };
  const unknown = (operation: string) => fault(new RametError('UnknownOperation', `'${service}' has no operation '${operation}'`));
  return {
    async call(operation, input, meta, cancellation) {
      const handler = calls[operation];
      if (!handler) return unknown(operation);
      try {
        return {
          ok: true,
          value: copied(
            await handler(
              copied(input, 'BadRequest'),
              received(meta, () => cancellation.signal),
            ),
            'InvalidOutput',
          ),
        };
      } catch (error) {
        return replyOf(error);
      }
    },
    async *stream(operation, input, meta, cancellation) {
      const handler = streams[operation];
      if (!handler) return yield unknown(operation);
      try {
        for await (const answer of handler(
          copied(input, 'BadRequest'),
          received(meta, () => cancellation.signal),
        ))
          yield { ok: true, value: copied(answer, 'InvalidOutput') };
      } catch (error) {
        yield replyOf(error);
      }
    },
  };
}

/** As the codecs of a service do: a copy as JSON has it, without what JSON would silently change. */
function copied(value: unknown, code: 'BadRequest' | 'InvalidOutput'): unknown {
  if (value === undefined) return undefined;
  try {
    return JSON.parse(
      JSON.stringify(value, (_, inner: unknown) => {
        if (typeof inner === 'number' && !Number.isFinite(inner)) throw new RangeError('a number that is not finite');
        return inner;
      }),
    );
  } catch (error) {
    throw new RametError(code, (error as Error).message, { cause: error });
  }
}

function replyOf(error: unknown): Reply {
  if (error instanceof DeclaredError) return declared(error);
  return fault(error instanceof RametError ? error : new RametError('Internal', 'a handler failed', { cause: error }));
}

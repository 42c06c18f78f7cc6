import type { Platform } from '../platform/index.ts';
import type { Caller } from '../security/index.ts';
import type { CallMeta, Cancellation, Dispatcher, Reply, Target } from './call.ts';

/**
 * Carries the calls of one service or gateway. The rules are those of the slowest wire, within one process too: values are
 * copied, the deadline is a remaining time, errors are data, and a caller that leaves cancels its call.
 */
export interface Transport extends TransportRoutes {
  readonly capabilities: TransportCapabilities;
}

/** The calls that a transport carries. */
export interface TransportRoutes {
  /** Calls one operation. Never rejects: an unreachable service is a reply as well. */
  call(target: Target, input: unknown, meta: CallMeta, signal: Cancellation): Promise<Reply>;
  /** Opens a stream when its first answer is requested. A failure is the last reply. */
  stream(target: Target, input: unknown, meta: CallMeta, signal: Cancellation): AsyncIterable<Reply>;
  /** The keys of the instances that answer for a service now, where there may be several and the caller chooses one. */
  instances?(service: string): readonly string[];
}

/** What a transport can do, as data: the boot, the suite and the documents read it. */
export interface TransportCapabilities {
  /** The name of the transport. Between processes it is also the protocol that an instance's address names. */
  readonly name: string;
  readonly remote: boolean;
  readonly streams: boolean;
}

/** What a topology names: makes one transport between its processes. */
export interface TransportFactory {
  readonly capabilities: TransportCapabilities;
  create(environment: TransportEnvironment): RemoteTransport;
}

/** What a process gives to its transports. */
export interface TransportEnvironment {
  readonly platform: Platform;
  /** Where the instances of a service answer by this protocol. The same array until something changes; empty when none is known. */
  readonly addresses: (service: string) => readonly Address[];
  readonly identities: Identities;
  /** The name of this process, for messages that people read. */
  readonly process?: string;
  /** Called with failures that no caller sees. */
  readonly onError: (error: unknown, where: object) => void;
}

/** Where one instance answers by the protocol of a transport. */
export interface Address {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

/** Carries calls between processes. */
export interface RemoteTransport {
  readonly capabilities: TransportCapabilities;
  /** The transport as one service or gateway of this process uses it: `from` is signed into each of its calls. */
  from(from: string): Transport;
  /** The keys of the instances of a service that have not asked to be called elsewhere. The same array until something changes. */
  willing(service: string): readonly string[];
  /** Answers calls to the services of `dispatchers`. @throws Error when the port is taken */
  listen(dispatchers: ReadonlyMap<string, Dispatcher>, at: { readonly host: string; readonly port: number }): Promise<RpcServer>;
  /** Ends the connections that this process has made. Calls on them end as faults. */
  close(): Promise<void>;
}

/** The serving side of a transport. */
export interface RpcServer {
  readonly port: number;
  /** Calls and streams under way. */
  readonly inFlight: number;
  /** Asks every peer to call elsewhere. Calls that still arrive are answered, and calls under way end normally. */
  drain(): Promise<void>;
  /** Ends the connections. */
  close(): Promise<void>;
}

/**
 * The caller of a call, signed: a token for one pair of services and one caller, valid for seconds, so that it serves many
 * calls and is of little use to an eavesdropper.
 */
export interface Identities {
  /** @param from the service or gateway that calls, @param to the service that is called */
  sign(caller: Caller, from: string, to: string): string;
  /**
   * @param to the service that was called
   * @returns the caller, and the service or gateway that calls on its behalf
   * @throws RametError Unauthenticated when the token is forged, too old or meant for another service; Forbidden when `from` does not declare that it uses `to`
   */
  verify(token: string, to: string): { readonly caller: Caller; readonly from: string };
}

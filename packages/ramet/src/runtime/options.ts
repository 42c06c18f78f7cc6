import type { AnyContract } from '../contract/index.ts';
import type { Duration, Platform } from '../platform/index.ts';
import type { ClientOf, Transport } from '../rpc/index.ts';
import type { Secret } from '../security/index.ts';
import type { HostedService } from '../service/index.ts';
import type { Health, Instrument, LogWriter, RootLog } from '../telemetry/index.ts';
import type { Graph } from './graph.ts';
import type { ServiceHome } from './homes/home.ts';

/** The keys that sign and verify calls between processes. */
export interface IdentityKeys {
  /** The Ed25519 key of this process, as PEM or JWK. */
  readonly privateKey: string | Secret;
  /** The public keys of every process of the profile; several while one is being replaced. */
  readonly publicKeys: Readonly<Record<string, readonly string[]>>;
}

/** The port of each transport between processes, by its protocol. A plain number is the port of the first transport. */
export type RpcPorts = number | Readonly<Record<string, number>>;

/** The address at which other processes reach this one, where that differs from where it listens. An absent field is as it listens. */
export interface Advertised {
  readonly host?: string | undefined;
  readonly rpcPort?: RpcPorts | undefined;
  readonly probesPort?: number | undefined;
}

/** How one process starts: which part of the topology it is, its ports, keys and limits. */
export interface StartOptions {
  /** Which profile of the topology (default: `monolith`, or the first one). */
  readonly profile?: string | undefined;
  /** Which process of the profile this is, where it has several. */
  readonly process?: string | undefined;
  /** The services and gateways of the topology that this process hosts (default: all). */
  readonly hosts?: readonly string[];
  /** Wraps the transport within the process, to carry calls beyond it (default: none leave it). */
  readonly transport?: (local: Transport) => Transport;
  readonly platform?: Platform;
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly env?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly logTo?: LogWriter;
  /** The port of each gateway; one without a port is not served. 0 takes a free one. */
  readonly ports?: Readonly<Record<string, number>>;
  /**
   * Whether other processes serve on the same ports, the operators' port included, as workers of `node:cluster` or pm2 do. A
   * replacement then listens before its predecessor leaves: clients get time to reconnect, and the operators' token is the one that
   * its file already has. Default: no.
   */
  readonly sharePorts?: boolean | undefined;
  readonly host?: string | undefined;
  /** Where other processes reach this one: the ports of the transports between them (default: free ones). */
  readonly rpcPort?: RpcPorts;
  /** The address to register, where address translation, container ports or a proxy stand between. */
  readonly advertise?: Advertised;
  /** Serves `/livez`, `/readyz`, `/health` and `/metrics` on a port of its own, for a process without a gateway (default where a profile has several processes: a free one). */
  readonly probesPort?: number | undefined;
  /** The allowed calls, as `declaredGraph` makes them. Required where the profile has several processes. */
  readonly graph?: Graph;
  /** The keys that sign the calls of this process and verify those of others. Required where the profile has several processes. */
  readonly identity?: IdentityKeys;
  /** The operators' interface (default: none). */
  readonly admin?: { readonly port: number; readonly tokenFile: string };
  /** The URL that alerts are posted to. */
  readonly alertWebhook?: string | undefined;
  /**
   * How long a start waits for a store, a broker or a registry that is unavailable, over all its steps together (default `60s`). A mistake,
   * such as a wrong password, ends it at once.
   */
  readonly bootWait?: Duration | undefined;
  /** How long requests are still accepted after readiness went down, so that load balancers notice (default 0; 5 s on Kubernetes). */
  readonly drainDelayMs?: number | undefined;
  /** Listens to everything that the process does, beside its metrics. */
  readonly instrument?: Instrument | undefined;
  /** Called when the process must end because it can make nothing durable any more, as after a failed fsync. Default: exit with 1. */
  readonly onFatal?: (error: unknown) => void;
}

/** A running process. */
export interface Runtime {
  /** The port of each gateway. */
  readonly ports: Readonly<Record<string, number>>;
  readonly adminPort: number | undefined;
  /** Where `/livez`, `/readyz`, `/health` and `/metrics` are served beside the gateways. */
  readonly probesPort: number | undefined;
  /** The port of the first transport between processes. */
  readonly rpcPort: number | undefined;
  /** The port of each transport between processes, by its protocol. */
  readonly rpcPorts: Readonly<Record<string, number>>;
  readonly health: Health;
  readonly log: RootLog;
  /** The services that run now. */
  readonly services: ReadonlyMap<string, HostedService>;
  /**
   * The life of each service that this process hosts: one can be stopped and started again while the others run.
   * @example
   * await runtime.homes.get('payments')?.stop();
   * await runtime.homes.get('payments')?.start();
   */
  readonly homes: ReadonlyMap<string, ServiceHome>;
  /** Calls a service of this topology as the runtime itself: for seeds, scripts and tests. */
  readonly client: <C extends AnyContract>(contract: C) => ClientOf<C>;
  /** Stops the process in order: it takes no new work, answers what is under way, gives leases back, and closes the stores last. */
  readonly stop: () => Promise<void>;
}

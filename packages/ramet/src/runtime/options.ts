import type { AnyContract } from '../contract/index.ts';
import type { Duration, Platform } from '../platform/index.ts';
import type { ClientOf, Transport } from '../rpc/index.ts';
import type { Secret } from '../security/index.ts';
import type { HostedService } from '../service/index.ts';
import type { Health, Instrument, LogWriter, RootLog } from '../telemetry/index.ts';
import type { Graph } from './graph.ts';
import type { ServiceHome } from './homes/home.ts';

/** What calls between processes are signed with. */
export interface IdentityKeys {
  /** The Ed25519 key of this process, as PEM or JWK. */
  readonly privateKey: string | Secret;
  /** The public keys of every process of the profile; several where one is being replaced. */
  readonly publicKeys: Readonly<Record<string, readonly string[]>>;
}

/** The port of each transport between processes, by its protocol. A plain number is the port of the first transport. */
export type RpcPorts = number | Readonly<Record<string, number>>;

/** Where others find a process that they do not find where it listens. What is left out is as it listens. */
export interface Advertised {
  readonly host?: string | undefined;
  readonly rpcPort?: RpcPorts | undefined;
  readonly probesPort?: number | undefined;
}

export interface StartOptions {
  /** Which profile of the topology (default: `monolith`, or the first one). */
  readonly profile?: string | undefined;
  /** Which process of the profile this is, where it has several. */
  readonly process?: string | undefined;
  /** The services and gateways of the topology that this process hosts (default: all). */
  readonly hosts?: readonly string[];
  /** Carries calls beyond this process, given the transport within it (default: nothing is beyond). */
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
   * Whether other processes serve on these ports and on the operators' too, as the workers of `node:cluster` or pm2 do: a
   * replacement is ready on a port before the one that it replaces leaves it. Clients are then given time to leave, and the
   * operators' token is the one that its file has already. Default: no.
   */
  readonly sharePorts?: boolean | undefined;
  readonly host?: string | undefined;
  /** Where other processes reach this one: the ports of the transports between them (default: free ones). */
  readonly rpcPort?: RpcPorts;
  /** What others are told to call, where something stands between: address translation, a container's ports, a proxy. */
  readonly advertise?: Advertised;
  /** Serves `/livez`, `/readyz`, `/health` and `/metrics` on a port of its own, for a process without a gateway (default where a profile has several processes: a free one). */
  readonly probesPort?: number | undefined;
  /** Who may call whom, as `graphOf` tells it: needed where the profile has several processes. */
  readonly graph?: Graph;
  /** What this process signs its calls with, and what those of others are verified with: needed where the profile has several processes. */
  readonly identity?: IdentityKeys;
  /** The operators' interface; none when left out. */
  readonly admin?: { readonly port: number; readonly tokenFile: string };
  /** Where alerts are posted. */
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
  /** Called when the process must not go on (a failed fsync). Default: exit 1. */
  readonly onFatal?: (error: unknown) => void;
}

export interface Runtime {
  /** The port each gateway listens on. */
  readonly ports: Readonly<Record<string, number>>;
  readonly adminPort: number | undefined;
  /** Where `/livez`, `/readyz`, `/health` and `/metrics` are served beside the gateways. */
  readonly probesPort: number | undefined;
  /** Where other processes call this one: the port of the first transport. */
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
  /** Ends in order: no new work, answers to what is under way, leases back, stores last. */
  readonly stop: () => Promise<void>;
}

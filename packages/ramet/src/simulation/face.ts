import type { AnyContract } from '../contract/index.ts';
import type { Duration } from '../platform/index.ts';
import type { ClientOf, Policy } from '../rpc/index.ts';
import type { Topology } from '../runtime/index.ts';
import type { Caller } from '../security/index.ts';
import type { Param, Reader } from '../store/index.ts';
import type { EdgeRequest, EdgeResponse } from './edge.ts';
import type { Fired, Intensities } from './faults.ts';
import type { Double } from './outside.ts';

/** What a scenario and an invariant work with: clients from outside, time and chance of the run, and a look into every store. */
export interface Simulated {
  readonly seed: string;
  /** The name of the deployment of this run: `monolith`, `services`, or one of your own. */
  readonly deployment: string;
  /**
   * A client who calls over the network, where requests and answers get lost. Anonymous without `as`. All clients of
   * a run share their budgets for retries and their breakers, as one process would.
   */
  readonly client: <C extends AnyContract>(contract: C, as?: Caller, policy?: Policy) => ClientOf<C>;
  /** Sends a request to a gateway, over the same network; it has no sockets, but everything behind them. */
  readonly request: (gateway: string, request: EdgeRequest) => Promise<EdgeResponse>;
  /** A caller who is this user. */
  readonly user: (subject: string, scopes?: readonly string[]) => Caller;
  readonly sleep: (duration: Duration | number) => Promise<void>;
  /** Kills the process that hosts this service now, as by kill -9; it starts again after `downFor`. */
  readonly kill: (service: string, downFor: Duration) => void;
  /** Milliseconds of simulated time since the run began. */
  readonly now: () => number;
  /** A whole number from `least` to `most`, which the seed decides; name what it is for. */
  readonly int: (what: string, least: number, most: number) => number;
  /** Uniform in [0, 1). */
  readonly chance: (what: string) => number;
  readonly pick: <T>(what: string, from: readonly T[]) => T;
  /** The double of an external system, as `externals` made it. */
  readonly external: <T = Double>(name: string) => T;
  /** Reads the tables of a service. */
  readonly db: (service: string) => Promise<Reader['db']>;
  readonly rows: <R>(service: string, sql: string, ...params: Param[]) => Promise<R[]>;
  /** Notes that something rare happened: a campaign in which it never does has not tested it. */
  readonly sometimes: (what: string) => void;
  /** Fails the run. */
  readonly violated: (id: string, detail: string) => void;
}

/** A statement that holds in every run. */
export interface Invariant {
  readonly id: string;
  /** `always`: looked at once a second of simulated time, and in the end; `end`: when all trouble is over and nothing moves. */
  readonly when: 'always' | 'end';
  /** Answers what is wrong, in words: one text, or several; nothing (or an empty list) when all is well. */
  readonly check: (sim: Simulated) => Promise<Wrong> | Wrong;
}

/** What a check has found. */
type Wrong = readonly string[] | string | undefined | void;

/** States an invariant. */
export const invariant = (id: string, when: Invariant['when'], check: Invariant['check']): Invariant => ({ id, when, check });

/** What is simulated, and what has to hold. */
export interface SimulationOptions {
  /** What clients do, while things go wrong. It must end; what it throws fails the run. */
  readonly scenario: (sim: Simulated) => Promise<void>;
  /** Fills the stores before any trouble; done once, and copied for each seed. */
  readonly setup?: (sim: Simulated) => Promise<void>;
  readonly invariants?: readonly Invariant[];
  /** Doubles of external systems, made again for each run. */
  readonly externals?: Readonly<Record<string, () => Double>>;
  /** How much of each kind of fault (1 is ordinary, 0 is none). */
  readonly faults?: Intensities;
  /**
   * The processes: what each hosts, by deployment. Default: `monolith` (all in one process) and `services` (a process for
   * each). Each seed takes one.
   */
  readonly deployments?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** Events may become dead letters: the scenario has poison in it. */
  readonly deadLetters?: 'expected';
  /** How long the scenario may take, in simulated time (default 10m): one that waits for a schedule needs more. */
  readonly scenarioWithin?: Duration;
  /** How long after the trouble everything may take to come to rest, in simulated time (default 15m). */
  readonly settleWithin?: Duration;
}

/** A topology with its simulation. */
export interface Simulation extends SimulationOptions {
  readonly topology: Pick<Topology, 'services' | 'gateways'>;
}

export interface Violation {
  readonly id: string;
  readonly detail: string;
}

/** One run: a seed, and what came of it. */
export interface RunResult {
  readonly seed: string;
  readonly deployment: string;
  /** `safety`: all trouble ends with the scenario. `liveness`: messages are still lost, late and doubled until all is at rest. */
  readonly mode: 'safety' | 'liveness';
  readonly violations: readonly Violation[];
  /** The faults that happened. */
  readonly fired: readonly Fired[];
  /** Equal for two runs of one seed, or chance has escaped. */
  readonly traceHash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly sometimes: readonly string[];
  /** Named points that processes passed, in order; only on request. */
  readonly points: readonly string[];
  /** What happened last, oldest first; only of a run with violations. */
  readonly trace: readonly string[];
  /** The last lines that processes logged as errors, with their stacks; only of a run with violations. */
  readonly logged: readonly string[];
}

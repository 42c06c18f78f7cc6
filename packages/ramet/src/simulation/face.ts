import type { AnyContract } from '../contract/index.ts';
import type { Duration } from '../platform/index.ts';
import type { ClientOf, Policy } from '../rpc/index.ts';
import type { Topology } from '../runtime/index.ts';
import type { Caller } from '../security/index.ts';
import type { Param, Reader } from '../store/index.ts';
import type { EdgeRequest, EdgeResponse } from './edge.ts';
import type { Fired, Intensities } from './faults.ts';
import type { Double } from './outside.ts';

/** The tools of scenarios and invariants: clients from outside, the time and chance of the run, and every store for reading. */
export interface Simulated {
  readonly seed: string;
  /** The name of the deployment of this run: `monolith`, `services`, or one of your own. */
  readonly deployment: string;
  /**
   * Makes a client that calls over the network, where requests and answers get lost. Anonymous without `as`. All clients of a run share
   * their retry budgets and breakers, as one process does.
   */
  readonly client: <C extends AnyContract>(contract: C, as?: Caller, policy?: Policy) => ClientOf<C>;
  /** Sends a request to a gateway over the same network. Sockets are not simulated; everything behind them is. */
  readonly request: (gateway: string, request: EdgeRequest) => Promise<EdgeResponse>;
  /** Makes a caller that is this user. */
  readonly user: (subject: string, scopes?: readonly string[]) => Caller;
  readonly sleep: (duration: Duration | number) => Promise<void>;
  /** Kills the process that hosts this service now, as kill -9 does. It starts again after `downFor`. */
  readonly kill: (service: string, downFor: Duration) => void;
  /** Returns the milliseconds of simulated time since the run began. */
  readonly now: () => number;
  /** Draws a whole number from `least` to `most`, which the seed decides; name what it is for. */
  readonly int: (what: string, least: number, most: number) => number;
  /** Draws a number, uniform in [0, 1). */
  readonly chance: (what: string) => number;
  readonly pick: <T>(what: string, from: readonly T[]) => T;
  /** Returns the double of an external system, as `externals` made it. */
  readonly external: <T = Double>(name: string) => T;
  /** Reads the tables of a service. */
  readonly db: (service: string) => Promise<Reader['db']>;
  readonly rows: <R>(service: string, sql: string, ...params: Param[]) => Promise<R[]>;
  /** Notes that something rare happened: a campaign in which it never happens has not tested it. */
  readonly sometimes: (what: string) => void;
  /** Fails the run. */
  readonly violated: (id: string, detail: string) => void;
}

/** A statement that holds in every run. */
export interface Invariant {
  readonly id: string;
  /** `always`: checked once per second of simulated time and at the end. `end`: checked when all faults are over and nothing moves. */
  readonly when: 'always' | 'end';
  /** Returns what is wrong, in words: one text or several; nothing (or an empty list) when the invariant holds. */
  readonly check: (sim: Simulated) => Promise<Wrong> | Wrong;
}

/** What a check has found. */
type Wrong = readonly string[] | string | undefined | void;

/** States an invariant. */
export const invariant = (id: string, when: Invariant['when'], check: Invariant['check']): Invariant => ({ id, when, check });

/** What is simulated, and what must hold. */
export interface SimulationOptions {
  /** Plays what clients do while faults happen. It must end; what it throws fails the run. */
  readonly scenario: (sim: Simulated) => Promise<void>;
  /** Fills the stores before any fault. It runs once, and each seed begins with a copy. */
  readonly setup?: (sim: Simulated) => Promise<void>;
  readonly invariants?: readonly Invariant[];
  /** Makes the doubles of external systems, new for each run. */
  readonly externals?: Readonly<Record<string, () => Double>>;
  /** How often each kind of fault happens (1 is ordinary, 0 is never). */
  readonly faults?: Intensities;
  /**
   * The processes of each deployment, and what each process hosts. Default: `monolith` (everything in one process) and `services` (one
   * process each). Each seed takes one deployment.
   */
  readonly deployments?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** `expected`: events may become dead letters, because the scenario contains poison. */
  readonly deadLetters?: 'expected';
  /** How long the scenario may take, in simulated time (default 10m): one that waits for a schedule needs more. */
  readonly scenarioWithin?: Duration;
  /** How long everything may take to come to rest after the faults, in simulated time (default 15m). */
  readonly settleWithin?: Duration;
}

/** A topology with its simulation. */
export interface Simulation extends SimulationOptions {
  readonly topology: Pick<Topology, 'services' | 'gateways'>;
}

/** A broken promise: its id, and what was found. */
export interface Violation {
  readonly id: string;
  readonly detail: string;
}

/** The result of one run of a seed. */
export interface RunResult {
  readonly seed: string;
  readonly deployment: string;
  /** `safety`: all faults end with the scenario. `liveness`: messages are lost, delayed and duplicated until everything is at rest. */
  readonly mode: 'safety' | 'liveness';
  readonly violations: readonly Violation[];
  /** The faults that happened. */
  readonly fired: readonly Fired[];
  /** Equal for two runs of one seed; otherwise something other than the seed decided. */
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

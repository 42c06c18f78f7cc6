import type { Platform } from '../platform/index.ts';
import { type Instrument, silentInstrument, type Work, Works } from '../telemetry/index.ts';
import { Breaker, type BreakerSettings } from './policies/breaker.ts';
import { Deadlines } from './policies/deadlines.ts';
import { Instances } from './policies/instances.ts';
import { RecentLatency } from './policies/latency.ts';
import { RetryBudget } from './policies/retry-budget.ts';
import { Witnesses } from './policies/witnesses.ts';

/** The state of one operation of a target. */
export interface OperationState {
  readonly name: string;
  readonly breaker: Breaker | undefined;
  readonly latency: RecentLatency;
  readonly witnesses: Witnesses;
  /** A call with all its attempts, and one attempt, as listeners see them. */
  readonly call: Work;
  readonly attempt: Work;
}

/** The state that all edges of a caller to one target share, per setting of the breaker. */
export class TargetState {
  readonly edge: string;
  readonly target: string;
  readonly budget: RetryBudget;
  readonly instances: Instances;
  readonly #settings: BreakerSettings | false;
  readonly #random: () => number;
  readonly #instrument: Instrument;
  readonly #works: Outbound['works'];
  readonly #operations = new Map<string, OperationState>();
  #seen: readonly string[] | undefined;

  constructor(names: { edge: string; target: string }, settings: BreakerSettings | false, outbound: Outbound) {
    this.edge = names.edge;
    this.target = names.target;
    this.#settings = settings;
    this.#instrument = outbound.instrument;
    this.#works = outbound.works;
    this.#random = () => outbound.platform.random.next();
    this.budget = outbound.budgetOf(names.target);
    this.instances = new Instances(settings, (key) => this.#breaker(`instance ${key}`, true) as Breaker, this.#random);
  }

  operation(name: string): OperationState {
    let state = this.#operations.get(name);
    if (!state) {
      state = {
        name,
        breaker: this.#breaker(name, false),
        latency: new RecentLatency(),
        witnesses: new Witnesses(),
        call: this.#works.calls.of(this.edge, name),
        attempt: this.#works.attempts.of(this.edge, name),
      };
      this.#operations.set(name, state);
    }
    return state;
  }

  /**
   * Notes the instances that answer now. When a new instance appears, an open circuit probes at once: a replacement is not
   * blamed for its predecessor.
   */
  answers(instances: readonly string[], nowMono: number): void {
    const before = this.#seen;
    if (instances === before) return;
    this.#seen = instances;
    if (before === undefined || instances.every((instance) => before.includes(instance))) return;
    for (const { breaker } of this.#operations.values()) breaker?.allowProbe(nowMono);
  }

  #breaker(name: string, grows: boolean): Breaker | undefined {
    if (!this.#settings) return undefined;
    return new Breaker(
      // Only failures in a row count against an instance. The failure rate belongs to the breaker of the operation.
      grows ? { ...this.#settings, minimumCalls: Number.POSITIVE_INFINITY } : this.#settings,
      {
        random: this.#random,
        changed: (from, to) => this.#instrument.note?.({ what: 'circuit', edge: this.edge, operation: name, from, to }),
        probe: (inFlight) => this.#instrument.note?.({ what: 'probe', edge: this.edge, operation: name, inFlight }),
      },
      grows,
    );
  }
}

/**
 * What the calls of one caller share across its edges: retry budgets, the state of its targets, and the timer of the deadlines.
 * Each service and each gateway has one.
 */
export class Outbound {
  readonly platform: Platform;
  readonly caller: string;
  readonly instrument: Instrument;
  readonly works = { calls: new Works('call', 'edge', 'operation'), attempts: new Works('attempt', 'edge', 'operation') };
  readonly deadlines: Deadlines;
  readonly #budgets = new Map<string, RetryBudget>();
  readonly #targets = new Map<string, TargetState>();

  constructor(platform: Platform, caller: string, instrument: Instrument = silentInstrument) {
    this.platform = platform;
    this.caller = caller;
    this.instrument = instrument;
    this.deadlines = new Deadlines(platform);
  }

  to(target: string, settings: BreakerSettings | false): TargetState {
    const key = `${target} ${JSON.stringify(settings)}`;
    let state = this.#targets.get(key);
    if (!state) {
      state = new TargetState({ edge: `${this.caller}->${target}`, target }, settings, this);
      this.#targets.set(key, state);
    }
    return state;
  }

  budgetOf(target: string): RetryBudget {
    let budget = this.#budgets.get(target);
    if (!budget) {
      budget = new RetryBudget();
      this.#budgets.set(target, budget);
    }
    return budget;
  }
}

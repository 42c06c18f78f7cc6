import type { Random } from '../random.ts';

/** The buses on which the shop can run as services. */
export type BusName = 'postgres' | 'kafka';

export type EngineUnderFire = 'postgres' | 'kafka' | 'consul';

/** An instance of a process: where several run, the number says which, modulo how many there are then. */
export interface Target {
  readonly process: string;
  readonly instance: number;
}

/** What is done to a shop of many processes. */
export type Fault =
  /** Each of them is killed at the same moment. */
  | { readonly kind: 'kill'; readonly targets: readonly Target[] }
  /** The whole process group, with what has started it; it is started again. */
  | { readonly kind: 'kill all' }
  /** Nothing of it runs for so long; its connections stay open. */
  | { readonly kind: 'pause'; readonly target: Target; readonly seconds: number }
  /** It is told to end. */
  | { readonly kind: 'terminate'; readonly target: Target }
  /** Every service is replaced, one after another. */
  | { readonly kind: 'replace' }
  | { readonly kind: 'restart'; readonly engine: EngineUnderFire; readonly how: 'immediate' | undefined }
  /** Every connection to PostgreSQL is cut at once. */
  | { readonly kind: 'cut' }
  /** The next transactions lose their connection at their COMMIT, before or after it got to PostgreSQL. */
  | { readonly kind: 'cut commits'; readonly count: number }
  /** Nothing passes between the processes and PostgreSQL for so long; then every connection is cut. */
  | { readonly kind: 'hold'; readonly seconds: number };

export interface PlannedFault {
  readonly fault: Fault;
  /** How long after the one before. */
  readonly afterMs: number;
  /** Whether everything has come back before. */
  readonly calm: boolean;
}

export interface FaultPlan {
  readonly kills: number;
  readonly secondsMin: number;
  readonly secondsMax: number;
  readonly bus: BusName;
  readonly processes: readonly string[];
  /** Those of them that run more than once. */
  readonly replicated: readonly string[];
}

type Card = Fault['kind'] | 'kill some' | 'pause for long' | EngineUnderFire;

/** How often each fault comes, of so many: they are dealt without putting back, so that a long run has them in this proportion. */
const DECK: Readonly<Record<Exclude<Card, 'restart' | 'kafka'>, number>> = {
  kill: 9,
  'kill some': 2,
  'kill all': 1,
  pause: 3,
  'pause for long': 1,
  terminate: 2,
  replace: 1,
  postgres: 2,
  consul: 1,
  cut: 1,
  'cut commits': 2,
  hold: 1,
};
const BROKER_CARDS = 2;
/** A lease is good for 15 s: a replica that is away for longer finds its work in the hands of another. */
const BEYOND_LEASE_SECONDS = [16, 20] as const;

/** Everything is decided before the first fault. */
export function planFaults({ kills, secondsMin, secondsMax, bus, processes, replicated }: FaultPlan, random: Random): PlannedFault[] {
  const cards = Object.entries(DECK).flatMap(([card, count]) => Array.from({ length: count }, () => card as Card));
  if (bus === 'kafka') cards.push(...Array.from({ length: BROKER_CARDS }, (): Card => 'kafka'));
  // Each process has its turn before one comes again.
  const targets = dealt(processes, random);
  const replicas = dealt(replicated, random);
  const target = (of = targets): Target => ({ process: of(), instance: random.below(1_000) });
  const card = dealt(cards, random);
  return Array.from({ length: kills }, (): PlannedFault => {
    const fault = faultOf(card(), random, target, () => target(replicas));
    return {
      fault,
      afterMs: Math.round(random.between(secondsMin, secondsMax) * 1_000),
      // A replacement that is disturbed is an orchestrator's matter: it begins in peace.
      calm: random.chance(0.7) || fault.kind === 'replace',
    };
  });
}

function faultOf(card: Card, random: Random, target: () => Target, replica: () => Target): Fault {
  switch (card) {
    case 'kill':
      return { kind: 'kill', targets: [target()] };
    case 'kill some':
      return { kind: 'kill', targets: Array.from({ length: 2 + random.below(4) }, () => target()) };
    case 'pause':
      return { kind: 'pause', target: target(), seconds: random.between(0.5, 6) };
    case 'pause for long':
      return { kind: 'pause', target: replica(), seconds: random.between(...BEYOND_LEASE_SECONDS) };
    case 'terminate':
      return { kind: 'terminate', target: target() };
    case 'postgres':
      return { kind: 'restart', engine: 'postgres', how: 'immediate' };
    case 'kafka':
    case 'consul':
      return { kind: 'restart', engine: card, how: random.chance(0.7) ? 'immediate' : undefined };
    case 'cut commits':
      return { kind: 'cut commits', count: 1 + random.below(6) };
    case 'hold':
      return { kind: 'hold', seconds: random.between(0.5, 8) };
    case 'restart':
      throw new RangeError('a restart is of an engine');
    default:
      return { kind: card };
  }
}

/** Deals items in an order of chance; when all are dealt, all again in another one. */
function dealt<T>(items: readonly T[], random: Random): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...items];
    return left.splice(random.below(left.length), 1)[0] as T;
  };
}

/** A fault in a line for people. */
export function wordsOf(fault: Fault): string {
  const seconds = (count: number) => `${count.toFixed(1)} s`;
  switch (fault.kind) {
    case 'kill':
      return `SIGKILL of ${fault.targets.map(({ process }) => process).join(', ')}`;
    case 'kill all':
      return 'SIGKILL of everything';
    case 'pause':
      return `SIGSTOP of ${fault.target.process} for ${seconds(fault.seconds)}`;
    case 'terminate':
      return `SIGTERM of ${fault.target.process}`;
    case 'replace':
      return 'replacement of every service';
    case 'restart':
      return `${fault.engine} restarted${fault.how === undefined ? '' : ' at once'}`;
    case 'cut':
      return 'connections to PostgreSQL cut';
    case 'cut commits':
      return `${fault.count} connections to PostgreSQL cut at their COMMIT`;
    case 'hold':
      return `PostgreSQL not to be reached for ${seconds(fault.seconds)}`;
  }
}

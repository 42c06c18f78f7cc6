import type { Random } from '../random.ts';

/** The buses on which the shop can run as services. */
export type BusName = 'postgres' | 'kafka';
export type EngineUnderFire = 'postgres' | 'kafka' | 'consul';
/** Whose connections are cut or held: those to an engine, or those between processes. */
export type Line = EngineUnderFire | 'processes';

/** An instance of a process: where several run, the number says which, modulo how many there are then. */
export interface Target {
  readonly process: string;
  readonly instance: number;
}

/** What is done to a shop of many processes. */
export type Fault =
  /** Each of them is killed at the same moment. */
  | { readonly kind: 'kill'; readonly targets: readonly Target[] }
  /** It kills itself when it comes to a named point of the platform for so many times: `saga.called#3`. When it does not come there, it is killed. */
  | { readonly kind: 'kill at point'; readonly target: Target; readonly stopAt: string }
  /** The whole process group, with what has started it; it is started again. */
  | { readonly kind: 'kill all' }
  /** Nothing of it runs for so long; its connections stay open. */
  | { readonly kind: 'pause'; readonly target: Target; readonly seconds: number }
  /** It is stopped by SIGTERM. */
  | { readonly kind: 'terminate'; readonly target: Target }
  /** Every process is replaced, one after another. */
  | { readonly kind: 'replace' }
  | { readonly kind: 'restart'; readonly engine: EngineUnderFire; readonly how: 'immediate' | undefined }
  /** Every connection is cut at once. Between processes: those to one, where a target is named. */
  | { readonly kind: 'cut'; readonly line: Line; readonly target?: Target }
  /** The next transactions lose their connection at their COMMIT, before or after it got to PostgreSQL. */
  | { readonly kind: 'cut commits'; readonly count: number }
  /** Nothing passes for so long; then every connection is cut. */
  | { readonly kind: 'hold'; readonly line: Line; readonly target?: Target; readonly seconds: number };

export interface PlannedFault {
  readonly fault: Fault;
  /** How long after the one before. */
  readonly afterMs: number;
  /** Whether everything has recovered before. */
  readonly calm: boolean;
}

export interface FaultPlan {
  readonly kills: number;
  readonly secondsMin: number;
  readonly secondsMax: number;
  readonly bus: BusName;
  readonly processes: readonly string[];
  /** Those of them that others call. */
  readonly called: readonly string[];
  /** Those of them that run more than once. */
  readonly replicated: readonly string[];
}

/** How often each fault comes, of so many: they are dealt without putting back, so that a long run has them in this proportion. */
const DECK = {
  kill: 7,
  'kill some': 2,
  'kill at point': 3,
  'kill all': 1,
  pause: 3,
  'pause for long': 1,
  terminate: 2,
  replace: 1,
  'restart postgres': 2,
  'restart consul': 1,
  'cut postgres': 1,
  'cut commits': 2,
  'hold postgres': 1,
  'cut processes': 1,
  'cut process': 1,
  'hold processes': 1,
  'hold process': 2,
  'hold consul': 1,
} as const;
/** Beside them, where there is a broker. */
const BROKER_DECK = { 'restart kafka': 2, 'cut kafka': 1, 'hold kafka': 2 } as const;
type Card = keyof typeof DECK | keyof typeof BROKER_DECK;

/** A lease is good for 15 s: a replica that is paused for longer finds that another one owns its work. */
const BEYOND_LEASE_SECONDS = [16, 20] as const;
/** From what callers hardly notice to what they take for a death: a silent connection is given up after 10 s. */
const HELD_SECONDS = [0.5, 8] as const;
const SILENT_SECONDS = [2, 12] as const;

/** The points, who comes to them, and at most how often one is passed before it counts. */
export const POINTS: Readonly<Record<string, { readonly by?: readonly string[]; readonly most: number }>> = {
  'postgres.commit': { most: 40 },
  'relay.read': { by: ['orders', 'payments', 'inventory', 'shipping', 'returns'], most: 10 },
  'consumer.claimed': { by: ['audit', 'analytics', 'notifications', 'catalog', 'orders'], most: 10 },
  'consumer.handled': { by: ['audit', 'analytics', 'notifications', 'catalog', 'orders'], most: 20 },
  'saga.saved': { by: ['orders'], most: 25 },
  'saga.call': { by: ['orders'], most: 25 },
  'saga.called': { by: ['orders'], most: 25 },
  'effect.perform': { by: ['payments', 'notifications'], most: 6 },
  'effect.performed': { by: ['payments', 'notifications'], most: 6 },
  'effect.recorded': { by: ['payments', 'notifications'], most: 6 },
};

/** Everything is decided before the first fault. */
export function planFaults(
  { kills, secondsMin, secondsMax, bus, processes, called, replicated }: FaultPlan,
  random: Random,
): PlannedFault[] {
  const deck: Partial<Record<Card, number>> = bus === 'kafka' ? { ...DECK, ...BROKER_DECK } : DECK;
  const cards = Object.entries(deck).flatMap(([card, count]) => Array.from({ length: count }, () => card as Card));
  // Each process has its turn before one comes again.
  const targets = dealt(processes, random);
  const callees = dealt(called, random);
  const replicas = dealt(replicated, random);
  const points = dealt(Object.keys(POINTS), random);
  const any = (of: () => string): Target => ({ process: of(), instance: random.below(1_000) });
  const chance: Chance = {
    random,
    target: () => any(targets),
    callee: () => any(callees),
    replica: () => any(replicas),
    point: () => pointOf(points(), random),
  };
  const card = dealt(cards, random);
  return Array.from({ length: kills }, (): PlannedFault => {
    const fault = faultOf(card(), chance);
    return {
      fault,
      afterMs: Math.round(random.between(secondsMin, secondsMax) * 1_000),
      // A replacement that is disturbed is an orchestrator's matter: it begins in peace.
      calm: random.chance(0.7) || fault.kind === 'replace',
    };
  });
}

interface Chance {
  readonly random: Random;
  readonly target: () => Target;
  readonly callee: () => Target;
  readonly replica: () => Target;
  readonly point: () => Pick<Extract<Fault, { kind: 'kill at point' }>, 'target' | 'stopAt'>;
}

function faultOf(card: Card, { random, target, callee, replica, point }: Chance): Fault {
  const how = () => (random.chance(0.7) ? 'immediate' : undefined);
  switch (card) {
    case 'kill':
      return { kind: 'kill', targets: [target()] };
    case 'kill some':
      return { kind: 'kill', targets: Array.from({ length: 2 + random.below(4) }, () => target()) };
    case 'kill at point':
      return { kind: card, ...point() };
    case 'pause':
      return { kind: 'pause', target: target(), seconds: random.between(0.5, 6) };
    case 'pause for long':
      return { kind: 'pause', target: replica(), seconds: random.between(...BEYOND_LEASE_SECONDS) };
    case 'terminate':
      return { kind: 'terminate', target: target() };
    case 'restart postgres':
      return { kind: 'restart', engine: 'postgres', how: 'immediate' };
    case 'restart kafka':
      return { kind: 'restart', engine: 'kafka', how: how() };
    case 'restart consul':
      return { kind: 'restart', engine: 'consul', how: how() };
    case 'cut commits':
      return { kind: 'cut commits', count: 1 + random.below(6) };
    case 'cut postgres':
      return { kind: 'cut', line: 'postgres' };
    case 'cut kafka':
      return { kind: 'cut', line: 'kafka' };
    case 'cut processes':
      return { kind: 'cut', line: 'processes' };
    case 'cut process':
      return { kind: 'cut', line: 'processes', target: callee() };
    case 'hold postgres':
      return { kind: 'hold', line: 'postgres', seconds: random.between(...HELD_SECONDS) };
    case 'hold consul':
      return { kind: 'hold', line: 'consul', seconds: random.between(...HELD_SECONDS) };
    case 'hold kafka':
      return { kind: 'hold', line: 'kafka', seconds: random.between(...SILENT_SECONDS) };
    case 'hold processes':
      return { kind: 'hold', line: 'processes', seconds: random.between(...SILENT_SECONDS) };
    case 'hold process':
      return { kind: 'hold', line: 'processes', target: callee(), seconds: random.between(...SILENT_SECONDS) };
    default:
      return { kind: card };
  }
}

/** The first times are those in which things begin: they are as likely as all the others together. */
function pointOf(point: string, random: Random): { readonly target: Target; readonly stopAt: string } {
  const { by = Object.values(POINTS).flatMap(({ by: those = [] }) => those), most } = POINTS[point] as (typeof POINTS)[string];
  const nth = 1 + Math.floor(random.next() ** 2 * most);
  return { target: { process: random.pick(by), instance: random.below(1_000) }, stopAt: `${point}#${nth}` };
}

/** Deals items in an order of chance; when all are dealt, all again in another one. */
function dealt<T>(items: readonly T[], random: Random): () => T {
  let left: T[] = [];
  return () => {
    if (left.length === 0) left = [...items];
    return left.splice(random.below(left.length), 1)[0] as T;
  };
}

/** The kind of a fault in a few words, for counts. */
export function kindOf(fault: Fault): string {
  switch (fault.kind) {
    case 'restart':
      return `${fault.engine} restart`;
    case 'cut':
    case 'hold':
      return `${fault.line} ${fault.kind}`;
    default:
      return fault.kind;
  }
}

/** A fault in a line for people. */
export function wordsOf(fault: Fault): string {
  const seconds = (count: number) => `${count.toFixed(1)} s`;
  switch (fault.kind) {
    case 'kill':
      return `SIGKILL of ${fault.targets.map(({ process }) => process).join(', ')}`;
    case 'kill at point':
      return `SIGKILL of ${fault.target.process} at ${fault.stopAt}`;
    case 'kill all':
      return 'SIGKILL of everything';
    case 'pause':
      return `SIGSTOP of ${fault.target.process} for ${seconds(fault.seconds)}`;
    case 'terminate':
      return `SIGTERM of ${fault.target.process}`;
    case 'replace':
      return 'replacement of every process';
    case 'restart':
      return `${fault.engine} restarted${fault.how === undefined ? '' : ' at once'}`;
    case 'cut':
      return `connections ${whither(fault)} cut`;
    case 'cut commits':
      return `${fault.count} connections to PostgreSQL cut at their COMMIT`;
    case 'hold':
      return `nothing passes ${whither(fault)} for ${seconds(fault.seconds)}`;
  }
}

const NAMES = { postgres: 'PostgreSQL', kafka: 'Kafka', consul: 'Consul' } as const;
const whither = ({ line, target }: { readonly line: Line; readonly target?: Target }): string =>
  line !== 'processes' ? `to ${NAMES[line]}` : target ? `to ${target.process}` : 'between processes';

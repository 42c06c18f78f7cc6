import type { Databases } from '../databases.ts';
import type { History } from '../history.ts';
import type { Death } from '../kill-plan.ts';
import type { Subscriptions } from '../subscriptions.ts';
import type { Unfinished } from '../unfinished.ts';

/** One life of the shop, from its start to its end. Moments are monotonic milliseconds of the torture. */
export interface Life {
  readonly number: number;
  readonly startedMono: number;
  /** Undefined when it died before. */
  readonly readyMono: number | undefined;
  /** When it was stopped, for the lives that end by SIGTERM. */
  readonly toldMono: number | undefined;
  readonly endedMono: number;
  readonly planned: Death | 'SIGTERM';
  /** Whether it ended at the planned point, if there was one. */
  readonly reached: boolean;
  /** The signal or the code with which it ended. */
  readonly signal: string | null;
  readonly code: number | null;
  /** What was under way on disk when it was dead; undefined when there was nothing on disk yet. */
  readonly hit: Unfinished | undefined;
  readonly logFiles: readonly string[];
}

/** Something that was done to a shop of many processes. */
export interface Struck {
  readonly number: number;
  readonly kind: string;
  readonly words: string;
  readonly startedMono: number;
  readonly endedMono: number;
  /** What was under way when it began. */
  readonly hit: Unfinished;
}

/** Everything that the verdict looks at. */
export interface Evidence {
  readonly dataDir: string;
  readonly databases: Databases;
  readonly subscriptions: Subscriptions;
  readonly history: History;
  /** Of the shop as one process; of the gateway, where there are many. */
  readonly lives: readonly Life[];
  /** What was done to a shop of many processes; each end of a life is one where there is one process. */
  readonly faults: readonly Struck[];
  /** What stays in order on the bus: events of a key, or those of them that are of one type. */
  readonly order: 'key' | 'key and type';
  /** The column of every table that says in which order its rows were written. */
  readonly turn: string;
  /** Where engines keep their data and their logs. */
  readonly engines: readonly string[];
  /** What an engine says of its own data. */
  readonly unsound: readonly string[];
  /** Processes that ended unasked, or did not come back. */
  readonly ill: readonly string[];
  /** What was wrong with sagas between two faults. */
  readonly watched: readonly string[];
  /** How long everything took to settle after the last restart, and what had not when the time was over. */
  readonly settling: { readonly ms: number; readonly left: Unfinished | undefined };
}

/** Looks at one promise of the shop, and names everything that breaks it. */
export interface Check {
  readonly name: string;
  readonly violations: (evidence: Evidence) => Iterable<string>;
}

export interface OrderRow {
  readonly order_id: string;
  readonly customer_id: string;
  readonly status: 'pending' | 'confirmed' | 'cancelled';
  readonly reason: string | null;
  readonly total: number;
  readonly lines: string;
  readonly cancel_requested: number;
  readonly entries: number;
}

export interface ReturnRow {
  readonly return_id: string;
  readonly order_id: string;
  readonly customer_id: string;
  readonly because: string;
  readonly stage: 'requested' | 'approved' | 'received' | 'refunded' | 'completed' | 'refused';
  readonly reason: string | null;
  readonly refund: number | null;
  readonly lines: string;
}

export interface PreorderRow {
  readonly preorder_id: string;
  readonly customer_id: string;
  readonly status: 'waiting' | 'allocated' | 'confirmed' | 'cancelled';
  readonly reason: string | null;
  readonly sku: string;
  readonly price: number;
  readonly quantity: number;
}

export interface SoldLine {
  readonly sku: string;
  readonly price: number;
  readonly quantity: number;
}

export const ordersOf = ({ databases }: Evidence): OrderRow[] =>
  databases.rows<OrderRow>('orders', 'select * from orders order by order_id');

export const returnsOf = ({ databases }: Evidence): ReturnRow[] =>
  databases.rows<ReturnRow>('returns', 'select * from returns order by return_id');

export const preordersOf = ({ databases }: Evidence): PreorderRow[] =>
  databases.rows<PreorderRow>('preorders', 'select * from preorders order by preorder_id');

/** What came back of each order, in cents, for the returns that ended well. */
export function refundedOf(evidence: Evidence): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { order_id, stage, refund } of returnsOf(evidence))
    if (stage === 'completed') sums.set(order_id, (sums.get(order_id) ?? 0) + (refund ?? 0));
  return sums;
}

/** What the shop has earned: confirmed orders less what came back of them, and confirmed pre-orders. */
export function earnedOf(evidence: Evidence): number {
  const orders = ordersOf(evidence).reduce((sum, { status, total }) => sum + (status === 'confirmed' ? total : 0), 0);
  const back = [...refundedOf(evidence).values()].reduce((sum, refund) => sum + refund, 0);
  return preordersOf(evidence).reduce((sum, one) => sum + (one.status === 'confirmed' ? one.price * one.quantity : 0), orders - back);
}

export const linesOf = (order: OrderRow): SoldLine[] => JSON.parse(order.lines) as SoldLine[];

export function groupBy<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(keyOf(row));
    if (group) group.push(row);
    else groups.set(keyOf(row), [row]);
  }
  return groups;
}

/** Both differences of two sets, in words. */
export function* differences(
  expected: ReadonlySet<string>,
  found: ReadonlySet<string>,
  missing: string,
  invented: string,
): Generator<string> {
  for (const id of expected) if (!found.has(id)) yield `${missing}: ${id}`;
  for (const id of found) if (!expected.has(id)) yield `${invented}: ${id}`;
}

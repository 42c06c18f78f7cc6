/** Where a return stands. Between `requested` and `received` a customer sees nothing of `approved` but an entry of the history. */
export type Stage = 'requested' | 'approved' | 'received' | 'refunded' | 'completed' | 'refused';

/** What others tell about a return: orders, the warehouse, payments. */
export type Fact = 'approved' | 'denied' | 'received' | 'rejected' | 'refunded' | 'refund refused' | 'restocked';

const NEXT: Readonly<Record<Stage, Partial<Readonly<Record<Fact, Stage>>>>> = {
  requested: { approved: 'approved', denied: 'refused' },
  approved: { received: 'received', rejected: 'refused' },
  received: { refunded: 'refunded', 'refund refused': 'refused' },
  refunded: { restocked: 'completed' },
  completed: {},
  refused: {},
};

export interface Advance {
  readonly by: Fact;
  readonly to: Stage;
}

/**
 * The stages that a return reaches with the facts known so far. Events of different services come in any order: one that is
 * ahead of its predecessor waits among the facts until that one is there too.
 */
export function advances(stage: Stage, told: ReadonlySet<Fact>): Advance[] {
  const made: Advance[] = [];
  for (let at = stage; ; ) {
    const next = Object.entries(NEXT[at]).find(([fact]) => told.has(fact as Fact));
    if (!next) return made;
    const [by, to] = next as [Fact, Stage];
    made.push({ by, to });
    at = to;
  }
}

export type Status = 'requested' | 'received' | 'refunded' | 'refused' | 'completed';

/** What a customer is shown of a stage. */
export const statusOf = (stage: Stage): Status => (stage === 'approved' ? 'requested' : stage);

export const isSettled = (status: Status): boolean => status === 'completed' || status === 'refused';

/** What the history says of a stage that was reached. */
export function entryOf(stage: Stage, reason: string | undefined): string {
  if (stage === 'refused') return `refused: ${reason}`;
  return { requested: 'requested', approved: 'approved', received: 'goods received', refunded: 'payment refunded', completed: 'completed' }[
    stage
  ];
}

export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

/** One line per sku, in the order in which the customer named them. */
export function merged(lines: readonly Line[]): Line[] {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of lines) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  return [...quantities].map(([sku, quantity]) => ({ sku, quantity }));
}

/** Why money did not go back, in a customer's words. */
export function refundObstacle(reason: string): string {
  const words: Readonly<Record<string, string>> = { no_partial_refunds: 'the bank of the card takes no refund in part' };
  return words[reason] ?? 'the payment could not be refunded';
}

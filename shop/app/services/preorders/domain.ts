export type Status = 'waiting' | 'allocated' | 'confirmed' | 'cancelled';

/** What others tell about a pre-order: the warehouse and payments. What the customer says is among them. */
export type Fact = 'allocated' | 'paid' | 'declined' | 'refunded' | 'cancelled by the customer';

export interface Entry {
  /** Of the pre-order, from this entry on. */
  readonly status: Status;
  readonly what: string;
}

export const CANCELLED_BY_CUSTOMER = 'cancelled by the customer';

/**
 * What becomes of a pre-order by one more fact. Facts of different services come in any order: a payment that is ahead of
 * the goods says that they are there, and what comes after the end changes nothing but for money that went back.
 * @param reason why it was declined, in a customer's words
 * @returns what the history gets, the last entry with the status that holds from now on
 */
export function entriesOf(status: Status, fact: Fact, reason?: string): Entry[] {
  if (fact === 'refunded') return [{ status, what: 'payment refunded' }];
  if (isSettled(status)) return [];
  const allocated: Entry = { status: 'allocated', what: 'goods set aside' };
  const before = status === 'waiting' ? [allocated] : [];
  switch (fact) {
    case 'allocated':
      return before;
    case 'paid':
      return [...before, { status: 'allocated', what: 'payment captured' }, { status: 'confirmed', what: 'confirmed' }];
    case 'declined':
      return [...before, { status: 'cancelled', what: `cancelled: ${reason}` }];
    case 'cancelled by the customer':
      return [{ status: 'cancelled', what: CANCELLED_BY_CUSTOMER }];
  }
}

export const isSettled = (status: Status): boolean => status === 'confirmed' || status === 'cancelled';

const DECLINES: Readonly<Record<string, string>> = { card_declined: 'refused by the bank' };

/** Why a payment failed, in a customer's words. */
export const declined = (reason: string): string => `card declined: ${DECLINES[reason] ?? reason.replaceAll('_', ' ')}`;

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

export const CANCELLED_BY_CUSTOMER = 'cancelled by the customer';

/** Why an order cannot be fulfilled, in a customer's words. */
export interface Obstacle {
  readonly what: string;
  readonly detail: string;
}

const DECLINES: Readonly<Record<string, string>> = { card_declined: 'refused by the bank' };

/** What a refusal of another service means for the order; undefined for a refusal that says nothing to a customer. */
export function obstacleOf(error: string, data: unknown): Obstacle | undefined {
  const { sku, reason, country } = data as { sku?: string; reason?: string; country?: string };
  if (error === 'OutOfStock' && sku !== undefined) return { what: 'out of stock', detail: sku };
  if (error === 'Declined' && reason !== undefined)
    return { what: 'card declined', detail: DECLINES[reason] ?? reason.replaceAll('_', ' ') };
  if (error === 'Undeliverable' && country !== undefined) return { what: 'cannot be delivered', detail: `no carrier goes to ${country}` };
  return undefined;
}

const KNOWN = /^(out of stock|card declined|cannot be delivered): /;

/** The reason that a customer is shown. What went wrong inside is for the operator, who finds it in the saga's record. */
export function reasonShown(reason: string): string {
  return reason === CANCELLED_BY_CUSTOMER || KNOWN.test(reason) ? reason : 'the order could not be completed in time';
}

/** What the history of an order says. */
export const HISTORY = {
  placed: 'placed',
  accepted: 'accepted',
  stockReserved: 'stock reserved',
  stockReleased: 'stock released',
  paymentQueued: 'payment queued for retry',
  paymentCaptured: 'payment captured',
  paymentDeclined: 'payment declined',
  paymentRefunded: 'payment refunded',
  shipmentBooked: 'shipment booked',
  shipmentCancelled: 'shipment cancelled',
  cancelRequested: 'cancellation requested',
  confirmed: 'confirmed',
} as const;

const BEFORE_CONFIRMED = [HISTORY.stockReserved, HISTORY.paymentCaptured, HISTORY.shipmentBooked];

/** What must have happened before an order was confirmed, but is not in its history yet: events may be slower than the saga. */
export function missingBeforeConfirmed(history: readonly string[]): string[] {
  return BEFORE_CONFIRMED.filter((what) => !history.includes(what));
}

/** What an order is to run into, as its client planned it. */
export type OrderKind =
  | 'pays'
  | 'declined'
  | 'no funds'
  | 'charges and drops'
  | 'fails twice'
  | 'answers late'
  | 'never answers'
  | 'undeliverable'
  | 'out of stock';

export interface OrderBody {
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly card: { readonly number: string };
  readonly shipTo?: { readonly name: string; readonly street: string; readonly city: string; readonly country: string };
}

export interface Customer {
  readonly email: string;
  readonly token: string;
}

/** One request as its client saw it. Moments are monotonic milliseconds of the torture. */
export interface Exchange {
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly startedMono: number;
  /** When its last byte was handed to the operating system; undefined when it never was. */
  readonly sentMono: number | undefined;
  readonly endedMono: number;
  /** Undefined when there was no answer. */
  readonly status: number | undefined;
  readonly body: unknown;
  /** Why there was no answer. */
  readonly error: string | undefined;
}

export type Answer = Pick<Exchange, 'status' | 'body' | 'endedMono'> & { readonly status: number };

/** An order under one Idempotency-Key, with every answer that ever came back for it. */
export interface Placement {
  readonly customer: string;
  readonly key: string;
  readonly kind: OrderKind;
  readonly body: OrderBody;
  readonly answers: Answer[];
}

/** A cancellation of one order, repeated until it was answered. */
export interface Cancellation {
  readonly orderId: string;
  readonly answers: Answer[];
}

export interface ReturnBody {
  readonly reason: string;
  readonly lines?: readonly { readonly sku: string; readonly quantity: number }[];
}

/** A return under one Idempotency-Key. */
export interface ReturnRequest {
  readonly orderId: string;
  readonly customer: string;
  readonly key: string;
  readonly body: ReturnBody;
  readonly answers: Answer[];
}

/** The cards with which a pre-order comes to an end of its own. */
export type PreorderKind = 'pays' | 'charges and drops' | 'fails twice' | 'declined' | 'no funds';

export interface PreorderBody {
  readonly sku: string;
  readonly quantity: number;
  readonly card: { readonly number: string };
}

/** A pre-order under one Idempotency-Key, with the answers to its cancellations. */
export interface PreorderPlacement {
  readonly customer: string;
  readonly key: string;
  readonly kind: PreorderKind;
  readonly body: PreorderBody;
  readonly answers: Answer[];
  readonly cancelled: Answer[];
}

/** Deliveries to the warehouse, each repeated until it was answered. */
export interface Delivery {
  readonly sku: string;
  readonly quantity: number;
  readonly answers: Answer[];
}

/** What a customer's list of orders said when every order had ended. */
export interface OrderView {
  readonly customer: string;
  readonly orderId: string;
  readonly status: string;
  readonly total: number;
  readonly reason?: string;
}

/** The clients' memory of all their requests and answers. It only grows. */
export interface History {
  readonly customers: Customer[];
  readonly placements: Placement[];
  readonly cancellations: Cancellation[];
  /** The same key with another body: must have been refused. */
  readonly misuses: { readonly key: string; readonly answer: Answer }[];
  readonly exchanges: Exchange[];
  readonly views: OrderView[];
  readonly returns: ReturnRequest[];
  readonly preorders: PreorderPlacement[];
  readonly deliveries: Delivery[];
}

export const newHistory = (): History => ({
  ...{ customers: [], placements: [], cancellations: [], misuses: [], exchanges: [], views: [] },
  ...{ returns: [], preorders: [], deliveries: [] },
});

/** The order ids that clients were given for a key: never more than one. */
export const orderIdsOf = (placement: Placement): string[] => idsOf(placement, 'orderId');

/** The same of a return or a pre-order. */
export const idsOf = ({ answers }: { readonly answers: readonly Answer[] }, name: string): string[] => [
  ...new Set(
    answers
      .filter((answer) => answer.status === 202)
      .map((answer) => String((answer.body as Readonly<Record<string, unknown>> | undefined)?.[name])),
  ),
];

import { z } from 'zod';

/** What an answer of the provider says: it acted, it refused for certain, or the outcome is unknown (then the call is repeated). */
export type Verdict<Done> =
  | ({ readonly kind: 'done' } & Done)
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly detail: string };

const Problem = z.object({ error: z.string().optional(), reason: z.string().optional() });
const Charged = z.object({ chargeId: z.string() });
const KnownCharge = z.object({ chargeId: z.string(), status: z.enum(['captured', 'refunded', 'declined']), reason: z.string().optional() });
const Refunded = z.object({ refundId: z.string() });

/** Statuses of the 4xx that speak of the moment or of the key, not of the charge. */
const PASSING = new Set([408, 409, 425, 429]);

/** Errors with which the provider says that a refund is not to be had, now or later. */
const FINAL = new Set(['no_partial_refunds', 'already_refunded', 'not_captured', 'invalid_amount']);

/** Reads the answer to `POST /charges`. */
export function chargeVerdict(status: number, body: unknown): Verdict<{ chargeId: string }> {
  const charged = Charged.safeParse(body);
  if (status === 201 && charged.success) return { kind: 'done', chargeId: charged.data.chargeId };
  const problem = Problem.safeParse(body).data ?? {};
  // Another charge may stand under the key: only a lookup shows it.
  if (problem.error === 'idempotency_mismatch') return unknown(status, body);
  if (status >= 400 && status < 500 && !PASSING.has(status))
    return { kind: 'refused', reason: problem.reason ?? problem.error ?? `status ${status}` };
  return unknown(status, body);
}

/** Reads the answer to `GET /charges/by-key/{key}`. */
export function chargeFound(status: number, body: unknown): Verdict<{ chargeId: string }> {
  if (isAbsent(status, body)) return { kind: 'absent' };
  const charge = KnownCharge.safeParse(body);
  if (status !== 200 || !charge.success) return unknown(status, body);
  if (charge.data.status === 'declined') return { kind: 'refused', reason: charge.data.reason ?? 'declined' };
  return { kind: 'done', chargeId: charge.data.chargeId };
}

/** Reads the answer to `POST /charges/{chargeId}/refunds`. A refund under another key is as good. */
export function refundVerdict(status: number, body: unknown): Verdict<{ refundId: string }> {
  const refunded = Refunded.safeParse(body);
  const already = status === 409 && Problem.safeParse(body).data?.error === 'already_refunded';
  if ((status === 201 || already) && refunded.success) return { kind: 'done', refundId: refunded.data.refundId };
  return unknown(status, body);
}

/** Reads the answer to a refund of a part, which the provider may refuse. */
export function partRefundVerdict(status: number, body: unknown): Verdict<{ refundId: string }> {
  const refunded = Refunded.safeParse(body);
  if (status === 201 && refunded.success) return { kind: 'done', refundId: refunded.data.refundId };
  const { error } = Problem.safeParse(body).data ?? {};
  return error !== undefined && FINAL.has(error) ? { kind: 'refused', reason: error } : unknown(status, body);
}

/** Reads the answer to `GET /refunds/by-key/{key}`. */
export function refundFound(status: number, body: unknown): Verdict<{ refundId: string }> {
  if (isAbsent(status, body)) return { kind: 'absent' };
  const refund = Refunded.safeParse(body);
  return status === 200 && refund.success ? { kind: 'done', refundId: refund.data.refundId } : unknown(status, body);
}

/** Only the provider itself says that it knows nothing of a key; a 404 of something between us and it does not count. */
const isAbsent = (status: number, body: unknown): boolean => status === 404 && Problem.safeParse(body).data?.error === 'not_found';

const unknown = (status: number, body: unknown) =>
  ({ kind: 'unknown', detail: `${status} ${JSON.stringify(body)?.slice(0, 200) ?? ''}` }) as const;

/** What is known of a charge that waits for its goods: what the customer allows, whether the goods are there, whether it is off. */
export interface Mandate {
  readonly amount: number | null;
  readonly card_token: string | null;
  readonly due: 0 | 1;
  readonly status: 'open' | 'used' | 'revoked';
}

/** Whether a charge is to be made now; the three things that decide it become known in any order. */
export const isChargeable = (mandate: Mandate): mandate is Mandate & { amount: number; card_token: string } =>
  mandate.status === 'open' && mandate.due === 1 && mandate.amount !== null && mandate.card_token !== null;

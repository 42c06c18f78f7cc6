import type { OutsideAnswer, OutsideRequest } from 'ramet/simulation';
import { behaviourOf } from '../provider/cards.ts';

interface Charge {
  readonly chargeId: string;
  readonly key: string;
  readonly reference: string;
  readonly amount: number;
  readonly reason: string | undefined;
  /** It can only be refunded as a whole. */
  readonly whole: boolean;
}
interface Refund {
  readonly refundId: string;
  readonly chargeId: string;
  readonly key: string;
  readonly amount: number;
}

/** What invariants may ask the provider. */
export interface ProviderBooks {
  readonly charges: readonly Charge[];
  readonly refunds: readonly Refund[];
}

/** What a customer has paid for an order, or for what else stands as the reference, and not got back. */
export function paidFor(reference: string, { charges, refunds }: ProviderBooks): number {
  const sum = (amounts: readonly { amount: number }[]) => amounts.reduce((total, { amount }) => total + amount, 0);
  const charged = charges.filter((charge) => charge.reference === reference && !charge.reason);
  return sum(charged) - sum(refunds.filter(({ chargeId }) => charged.some((charge) => charge.chargeId === chargeId)));
}

/** A token for a card, without asking: the scenario orders with tokens at once. */
export const tokenOf = (number: string): string => `tok_${number}`;

/** The payment provider of a simulation: the rules of the real one's books, in memory, and with ids that are counted. */
export function providerDouble(): ((request: OutsideRequest) => OutsideAnswer) & ProviderBooks {
  const charges: Charge[] = [];
  const refunds: Refund[] = [];
  const turnedAway = new Map<string, number>();
  const json = (status: number, body: object): OutsideAnswer => ({
    status,
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  const absent = json(404, { error: 'not_found' });

  const charge = (key: string, { token, amount, reference }: { token: string; amount: number; reference: string }): OutsideAnswer => {
    let known = charges.find((each) => each.key === key);
    if (known && (known.amount !== amount || known.reference !== reference)) return json(422, { error: 'idempotency_mismatch' });
    const behaviour = behaviourOf(token.slice('tok_'.length));
    if (!known) {
      const attempts = (turnedAway.get(key) ?? 0) + 1;
      turnedAway.set(key, attempts);
      if (behaviour.kind === 'drops' || (behaviour.kind === 'unavailable' && attempts <= behaviour.attempts))
        return json(503, { error: 'unavailable' });
      const reason = behaviour.kind === 'declines' ? behaviour.reason : undefined;
      known = { chargeId: `ch_${charges.length + 1}`, key, reference, amount, reason, whole: behaviour.kind === 'no-partial-refunds' };
      charges.push(known);
    }
    const { chargeId, reason } = known;
    return reason ? json(402, { error: 'declined', reason, chargeId }) : json(201, { chargeId, reference, amount, status: 'captured' });
  };

  const refund = (key: string, chargeId: string, asked: number | undefined): OutsideAnswer => {
    const known = refunds.find((each) => each.key === key);
    if (known) return json(201, { refundId: known.refundId, chargeId, status: 'refunded' });
    const of = charges.find((each) => each.chargeId === chargeId);
    if (!of) return absent;
    if (of.reason) return json(409, { error: 'not_captured' });
    const earlier = refunds.filter((each) => each.chargeId === chargeId);
    const left = of.amount - earlier.reduce((sum, { amount }) => sum + amount, 0);
    if (left === 0) return json(409, { error: 'already_refunded', refundId: earlier.at(-1)?.refundId });
    if (asked !== undefined && asked > left) return json(422, { error: 'invalid_amount', field: 'amount' });
    const part = asked ?? left;
    if (part < of.amount && of.whole) return json(422, { error: 'no_partial_refunds' });
    const done = { refundId: `re_${refunds.length + 1}`, chargeId, key, amount: part };
    refunds.push(done);
    return json(201, { refundId: done.refundId, chargeId, status: 'refunded' });
  };

  const handle = ({ method, path, headers, body }: OutsideRequest): OutsideAnswer => {
    const [collection = '', id = '', rest = ''] = path.split('?')[0]?.split('/').slice(1).map(decodeURIComponent) ?? [];
    const key = headers['idempotency-key'] ?? '';
    if (method === 'POST' && collection === 'tokens') return json(201, { token: tokenOf(JSON.parse(body).number) });
    if (method === 'POST' && collection === 'charges' && id === '') return charge(key, JSON.parse(body));
    if (method === 'POST' && collection === 'charges' && rest === 'refunds') return refund(key, id, JSON.parse(body || '{}').amount);
    if (method === 'GET' && collection === 'charges' && id === 'by-key') {
      const found = charges.find((each) => each.key === rest);
      if (!found) return absent;
      const { chargeId, reference, amount, reason } = found;
      const back = refunds.filter((each) => each.chargeId === chargeId).reduce((sum, each) => sum + each.amount, 0);
      const status = reason ? 'declined' : back === amount ? 'refunded' : 'captured';
      return json(200, { chargeId, reference, amount, status, ...(reason ? { reason } : {}) });
    }
    if (method === 'GET' && collection === 'refunds' && id === 'by-key') {
      const found = refunds.find((each) => each.key === rest);
      return found ? json(200, { ...found, status: 'refunded' }) : absent;
    }
    return absent;
  };
  return Object.assign(handle, { charges, refunds });
}

import { expect, test } from 'vitest';
import { chargeFound, chargeVerdict, isChargeable, partRefundVerdict, refundFound, refundVerdict } from './domain.ts';

test('a charge that was made is done', () => {
  expect(chargeVerdict(201, { chargeId: 'ch_1', reference: 'ord_1', amount: 5, status: 'captured' })).toEqual({
    kind: 'done',
    chargeId: 'ch_1',
  });
});

test('a declined card is refused for the reason of the provider', () => {
  expect(chargeVerdict(402, { error: 'declined', reason: 'insufficient_funds' })).toEqual({
    kind: 'refused',
    reason: 'insufficient_funds',
  });
  expect(chargeVerdict(422, { error: 'unknown_token', field: 'token' })).toEqual({ kind: 'refused', reason: 'unknown_token' });
});

test.each([
  [503, { error: 'unavailable' }],
  [500, undefined],
  [429, { error: 'slow_down' }],
  [201, { unexpected: true }],
  [200, {}],
  [302, undefined],
  [422, { error: 'idempotency_mismatch' }],
])('after %i %j it is unknown whether there is a charge', (status, body) => {
  expect(chargeVerdict(status, body).kind).toBe('unknown');
});

test('a charge that is found took effect, also when it is refunded by now', () => {
  expect(chargeFound(200, { chargeId: 'ch_1', status: 'captured' })).toEqual({ kind: 'done', chargeId: 'ch_1' });
  expect(chargeFound(200, { chargeId: 'ch_1', status: 'refunded' })).toEqual({ kind: 'done', chargeId: 'ch_1' });
  expect(chargeFound(200, { chargeId: 'ch_1', status: 'declined', reason: 'card_declined' })).toEqual({
    kind: 'refused',
    reason: 'card_declined',
  });
});

test('only the provider itself can say that there is nothing under a key', () => {
  expect(chargeFound(404, { error: 'not_found' }).kind).toBe('absent');
  expect(chargeFound(404, undefined).kind).toBe('unknown');
  expect(refundFound(404, { error: 'not_found' }).kind).toBe('absent');
  expect(refundFound(502, undefined).kind).toBe('unknown');
});

test('a refund is done also when another request made it', () => {
  expect(refundVerdict(201, { refundId: 're_1' })).toEqual({ kind: 'done', refundId: 're_1' });
  expect(refundVerdict(409, { error: 'already_refunded', refundId: 're_0' })).toEqual({ kind: 'done', refundId: 're_0' });
  expect(refundFound(200, { refundId: 're_1' })).toEqual({ kind: 'done', refundId: 're_1' });
});

test('a refund that is turned away is not taken for done', () => {
  expect(refundVerdict(409, { error: 'not_captured' }).kind).toBe('unknown');
  expect(refundVerdict(404, { error: 'not_found' }).kind).toBe('unknown');
});

test.each([
  [422, { error: 'no_partial_refunds' }, 'refused'],
  [409, { error: 'already_refunded', refundId: 're_1' }, 'refused'],
  [201, { refundId: 're_1' }, 'done'],
  [503, { error: 'unavailable' }, 'unknown'],
  [422, { error: 'idempotency_mismatch' }, 'unknown'],
  [404, { error: 'not_found' }, 'unknown'],
  [200, undefined, 'unknown'],
] as const)('a refund of a part that is answered %i %j is %s', (status, body, kind) => {
  expect(partRefundVerdict(status, body).kind).toBe(kind);
});

test('a mandate is charged when it is allowed, the goods are there, and it was neither used nor revoked', () => {
  const mandate = { amount: 1, card_token: 'tok_1', due: 1, status: 'open' } as const;
  expect(isChargeable(mandate)).toBe(true);
  const others = [{ amount: null }, { card_token: null }, { due: 0 }, { status: 'used' }, { status: 'revoked' }] as const;
  for (const other of others) expect(isChargeable({ ...mandate, ...other })).toBe(false);
});

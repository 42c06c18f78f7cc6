import { expect, test } from 'vitest';
import { cancellation, confirmation, messageIdOf } from './domain.ts';

const ada = { email: 'ada@example.org', name: 'Ada' };

test('the same fact has the same Message-ID, and another fact another one', () => {
  expect(messageIdOf('order-confirmed:ord_1')).toBe(messageIdOf('order-confirmed:ord_1'));
  expect(messageIdOf('order-confirmed:ord_1')).not.toBe(messageIdOf('order-cancelled:ord_1'));
  expect(messageIdOf('order-confirmed:ord_1')).toMatch(/^<[0-9a-f]{32}@ramet\.shop>$/);
});

test('a confirmation names the customer, the order and the amount', () => {
  const { fact, subject, text } = confirmation(ada, { orderId: 'ord_1', customerId: 'usr_1', total: 123_405 });
  expect(fact).toBe('order-confirmed:ord_1');
  expect(subject).toContain('ord_1');
  expect(text).toContain('Dear Ada,');
  expect(text).toContain('EUR 1234.05');
});

test('a cancellation says why', () => {
  const { fact, text } = cancellation(ada, { orderId: 'ord_1', customerId: 'usr_1', total: 990, reason: 'out of stock: BAT-1' });
  expect(fact).toBe('order-cancelled:ord_1');
  expect(text).toContain('EUR 9.90 is cancelled (out of stock: BAT-1)');
});

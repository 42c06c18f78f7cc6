import { expect, test } from 'vitest';
import { cancellation, confirmation, messageIdOf, preorderCancellation, preorderConfirmation, refund, returnRefusal } from './domain.ts';

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

test('mails of returns and pre-orders say what became of them, each under a fact of its own', () => {
  const back = { returnId: 'ret_1', orderId: 'ord_1', customerId: 'usr_1' };
  const preorder = { preorderId: 'pre_1', customerId: 'usr_1', name: 'Olive Soap', quantity: 2, total: 1_380 };
  const mails = [
    refund(ada, { ...back, refund: 690 }),
    returnRefusal(ada, { ...back, reason: 'the goods came back worn out' }),
    preorderConfirmation(ada, preorder),
    preorderCancellation(ada, { ...preorder, reason: 'card declined: insufficient funds' }),
  ];
  expect(mails.map(({ fact }) => fact)).toEqual([
    'return-completed:ret_1',
    'return-refused:ret_1',
    'preorder-confirmed:pre_1',
    'preorder-cancelled:pre_1',
  ]);
  expect(mails.map(({ subject }) => subject)).toEqual([
    'Your return ret_1 is completed',
    'Your return ret_1 is refused',
    'Your pre-order pre_1 is confirmed',
    'Your pre-order pre_1 is cancelled',
  ]);
  const said = [
    'EUR 6.90 went back',
    '(the goods came back worn out)',
    '2 × Olive Soap over EUR 13.80',
    '(card declined: insufficient funds)',
  ];
  for (const [index, words] of said.entries()) expect(mails[index]?.text).toContain(words);
});

import { createHash } from 'node:crypto';

export interface Customer {
  readonly email: string;
  readonly name: string;
}

export interface Order {
  readonly orderId: string;
  readonly customerId: string;
  readonly total: number;
}

export interface Return {
  readonly returnId: string;
  readonly orderId: string;
  readonly customerId: string;
}

export interface Preorder {
  readonly preorderId: string;
  readonly customerId: string;
  readonly name: string;
  readonly quantity: number;
  readonly total: number;
}

/** What a mail says, and the fact that it is about. */
export interface Draft {
  readonly fact: string;
  readonly subject: string;
  readonly text: string;
}

/** The same for every repeat of the same fact, so that a mailbox that gets it twice can recognise it. */
export function messageIdOf(fact: string): string {
  return `<${createHash('sha256').update(fact).digest('hex').slice(0, 32)}@ramet.shop>`;
}

export function confirmation(customer: Customer, order: Order): Draft {
  return {
    fact: `order-confirmed:${order.orderId}`,
    subject: `Your order ${order.orderId} is confirmed`,
    text: letter(customer, `thank you: your order ${order.orderId} over ${money(order.total)} is paid and on its way to you.`),
  };
}

export function cancellation(customer: Customer, order: Order & { reason: string }): Draft {
  return {
    fact: `order-cancelled:${order.orderId}`,
    subject: `Your order ${order.orderId} is cancelled`,
    text: letter(
      customer,
      `your order ${order.orderId} over ${money(order.total)} is cancelled (${order.reason}). Whatever was charged has been refunded.`,
    ),
  };
}

export function refund(customer: Customer, { returnId, orderId, refund: cents }: Return & { refund: number }): Draft {
  return {
    fact: `return-completed:${returnId}`,
    subject: `Your return ${returnId} is completed`,
    text: letter(customer, `what you returned of your order ${orderId} has arrived, and ${money(cents)} went back to your card.`),
  };
}

export function returnRefusal(customer: Customer, { returnId, orderId, reason }: Return & { reason: string }): Draft {
  return {
    fact: `return-refused:${returnId}`,
    subject: `Your return ${returnId} is refused`,
    text: letter(customer, `we cannot take back what you wanted to return of the order ${orderId} (${reason}).`),
  };
}

export function preorderConfirmation(customer: Customer, { preorderId, name, quantity, total }: Preorder): Draft {
  return {
    fact: `preorder-confirmed:${preorderId}`,
    subject: `Your pre-order ${preorderId} is confirmed`,
    text: letter(customer, `it is here: ${quantity} × ${name} over ${money(total)}, paid and waiting for you at our counter.`),
  };
}

export function preorderCancellation(customer: Customer, { preorderId, name, quantity, reason }: Preorder & { reason: string }): Draft {
  return {
    fact: `preorder-cancelled:${preorderId}`,
    subject: `Your pre-order ${preorderId} is cancelled`,
    text: letter(customer, `your pre-order of ${quantity} × ${name} is cancelled (${reason}). Whatever was charged is refunded.`),
  };
}

const letter = ({ name }: Customer, body: string): string => `Dear ${name},\n\n${body}\n\nYour Ramet Shop\n`;

const money = (cents: number): string => `EUR ${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;

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

/** What a mail says, and the fact that it tells of. */
export interface Draft {
  readonly fact: string;
  readonly subject: string;
  readonly text: string;
}

/** The same for every repeat of the same fact, so that whoever gets it twice can tell. */
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

const letter = ({ name }: Customer, body: string): string => `Dear ${name},\n\n${body}\n\nYour Ramet Shop\n`;

const money = (cents: number): string => `EUR ${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;

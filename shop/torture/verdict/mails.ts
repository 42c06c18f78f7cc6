import { type Check, differences, type Evidence, groupBy, ordersOf } from './check.ts';

interface Message {
  readonly id: number;
  readonly message_id: string | null;
  readonly recipients: string;
  readonly subject: string;
}

const SUBJECT = /^Your order (ord_\S+) is (confirmed|cancelled)$/;

const messagesOf = ({ databases }: Evidence): Message[] =>
  databases.rows<Message>('mail', 'select id, message_id, recipients, subject from messages order by id');

/** What a mail tells of; its whole subject when it is none that we know. */
function factOf({ subject }: Message): string {
  const [, orderId, outcome] = SUBJECT.exec(subject) ?? [];
  return orderId === undefined ? subject : `order-${outcome}:${orderId}`;
}

export const mails: Check = {
  name: 'each settled order has its mail, and no order a wrong one',
  *violations(evidence) {
    const { databases } = evidence;
    const expected = new Set(ordersOf(evidence).map(({ order_id, status }) => `order-${status}:${order_id}`));
    yield* differences(expected, new Set(messagesOf(evidence).map(factOf)), 'there is no mail', 'there is a mail of what is not so');
    const recorded = databases.rows<{ fact: string }>('notifications', "select fact from mails where status = 'sent'");
    yield* differences(
      expected,
      new Set(recorded.map(({ fact }) => fact)),
      'no mail is recorded as sent',
      'a mail is recorded of what is not so',
    );
    const emails = new Map(
      databases
        .rows<{ customer_id: string; email: string }>('users', 'select customer_id, email from customers')
        .map((row) => [row.customer_id, row.email]),
    );
    const owners = new Map(ordersOf(evidence).map(({ order_id, customer_id }) => [order_id, emails.get(customer_id)]));
    for (const message of messagesOf(evidence)) {
      const owner = owners.get(factOf(message).split(':')[1] ?? '');
      const recipients = (JSON.parse(message.recipients) as string[]).join(', ');
      if (recipients !== owner) yield `mail ${message.id} (${message.subject}) went to ${recipients}, the order is of ${owner}`;
    }
  },
};

export const messageIds: Check = {
  name: 'one Message-ID per fact',
  *violations(evidence) {
    const facts = groupBy(messagesOf(evidence), factOf);
    const seen = new Map<string, string>();
    for (const [fact, messages] of facts) {
      const ids = new Set(messages.map(({ message_id }) => message_id ?? 'none'));
      if (ids.size > 1) yield `${fact} was mailed under ${ids.size} Message-IDs: ${[...ids].join(', ')}`;
      for (const id of ids) {
        const other = seen.get(id);
        if (other !== undefined || id === 'none') yield `Message-ID ${id} tells of ${fact}${other === undefined ? '' : ` and of ${other}`}`;
        seen.set(id, fact);
      }
    }
  },
};

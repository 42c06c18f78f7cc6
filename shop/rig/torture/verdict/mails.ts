import { type Check, differences, type Evidence, groupBy, ordersOf, preordersOf, returnsOf } from './check.ts';

interface Message {
  readonly id: number;
  readonly message_id: string | null;
  readonly recipients: string;
  readonly subject: string;
}

const SUBJECT = /^Your (order|return|pre-order) ((?:ord|ret|pre)_\S+) is (confirmed|cancelled|completed|refused)$/;

const messagesOf = ({ databases }: Evidence): Message[] =>
  databases.rows<Message>('mail', 'select id, message_id, recipients, subject from messages order by id');

/** The fact that a mail is about; its whole subject when it is unknown. */
function factOf({ subject }: Message): string {
  const [, what, id, outcome] = SUBJECT.exec(subject) ?? [];
  return what === undefined ? subject : `${what.replace('-', '')}-${outcome}:${id}`;
}

/** Everything that customers are notified of by mail, with its customer. A waiting customer gets no mail. */
const toldOf = (evidence: Evidence) => [
  ...ordersOf(evidence).map((one) => ({ id: one.order_id, customer: one.customer_id, fact: `order-${one.status}:${one.order_id}` })),
  ...returnsOf(evidence).map((one) => ({ id: one.return_id, customer: one.customer_id, fact: `return-${one.stage}:${one.return_id}` })),
  ...preordersOf(evidence)
    .filter(({ status }) => status !== 'waiting')
    .map((one) => ({ id: one.preorder_id, customer: one.customer_id, fact: `preorder-${one.status}:${one.preorder_id}` })),
];

export const mails: Check = {
  name: 'each order, return and pre-order that has ended has its mail, and no wrong one',
  *violations(evidence) {
    const { databases } = evidence;
    const expected = new Set(toldOf(evidence).map(({ fact }) => fact));
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
    const owners = new Map(toldOf(evidence).map(({ id, customer }) => [id, emails.get(customer)]));
    for (const message of messagesOf(evidence)) {
      const owner = owners.get(factOf(message).split(':')[1] ?? '');
      const recipients = (JSON.parse(message.recipients) as string[]).join(', ');
      if (recipients !== owner) yield `mail ${message.id} (${message.subject}) went to ${recipients}, it is about something of ${owner}`;
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
        if (other !== undefined || id === 'none')
          yield `Message-ID ${id} is about ${fact}${other === undefined ? '' : ` and about ${other}`}`;
        seen.set(id, fact);
      }
    }
  },
};

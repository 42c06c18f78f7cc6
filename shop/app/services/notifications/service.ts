import { effect, external, RametError, service, sql, type WriteContext } from 'ramet';
import { z } from 'zod';
import { Orders } from '../orders/contract.ts';
import { Preorders } from '../preorders/contract.ts';
import { Returns } from '../returns/contract.ts';
import { Users } from '../users/contract.ts';
import { Notifications } from './contract.ts';
import {
  type Customer,
  cancellation,
  confirmation,
  type Draft,
  messageIdOf,
  preorderCancellation,
  preorderConfirmation,
  refund,
  returnRefusal,
} from './domain.ts';
import { Refused, sendMail } from './smtp.ts';

interface Tables {
  customers: { customer_id: string; email: string; name: string };
  mails: { fact: string; recipient: string; subject: string; status: 'requested' | 'sent' | 'refused'; requested_at: string };
}
type Context = WriteContext<typeof Notifications, Tables, typeof Notifications.commands.orderConfirmed>;
type Outside = Pick<Context, 'fail' | 'now' | 'signal'> & { use: { mail: { send: typeof sendMail } } };

const Mail = z.object({ fact: z.string(), to: z.string(), subject: z.string(), text: z.string() });
type Mail = z.infer<typeof Mail>;

/**
 * A mail to a customer, as `compose` words it. SMTP knows neither keys nor look-ups: what was sent and not recorded is sent
 * again, under the same Message-ID.
 */
const mailing = <I extends { readonly customerId: string }>(compose: (customer: Customer, input: I) => Draft) =>
  effect({
    request: Mail,
    outcome: z.object({}),
    async intend(input: I, ctx: Context): Promise<Mail> {
      const { customerId } = input;
      const customer = await ctx.db
        .selectFrom('customers')
        .select(['email', 'name'])
        .where('customer_id', '=', customerId)
        .executeTakeFirst();
      // The registration came before the order, but its event may be slower: the caller repeats.
      if (!customer) throw new RametError('Unavailable', `the address of '${customerId}' is not known yet`);
      const { fact, subject, text } = compose(customer, input);
      await ctx.db
        .insertInto('mails')
        .values({ fact, recipient: customer.email, subject, status: 'requested', requested_at: ctx.now().toISOString() })
        .onConflict((conflict) => conflict.column('fact').doNothing())
        .execute();
      return { fact, to: customer.email, subject, text };
    },
    async perform({ fact, to, subject, text }: Mail, { fail, now, signal, use }: Outside) {
      try {
        await use.mail.send({ messageId: messageIdOf(fact), to, subject, text, date: now() }, signal);
        return {};
      } catch (error) {
        throw error instanceof Refused ? fail.MailRefused({ reason: error.message }) : error;
      }
    },
    async record(_: object, ctx: Context, { fact, to }: Mail) {
      await ctx.db.updateTable('mails').set({ status: 'sent' }).where('fact', '=', fact).execute();
      ctx.emit.MailSent({ fact, to });
    },
    async reject(_: Error, ctx: Context, { fact }: Mail) {
      await ctx.db.updateTable('mails').set({ status: 'refused' }).where('fact', '=', fact).execute();
    },
  });

export default service(Notifications, {
  store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }),
  uses: {
    mail: external('mail', {
      connect: () => ({ send: sendMail }),
      // A refused address says nothing about the server.
      failed: (error) => !(error instanceof Refused),
      timeout: '15s',
    }),
  },
}).implement({
  commands: {
    orderConfirmed: mailing(confirmation),
    orderCancelled: mailing(cancellation),
    returnCompleted: mailing(refund),
    returnRefused: mailing(returnRefusal),
    preorderConfirmed: mailing(preorderConfirmation),
    preorderCancelled: mailing(preorderCancellation),
  },
  reactions: (on) => [
    on(Users.events.CustomerRegistered, async ({ customerId, email, name }, { db }) => {
      await db
        .insertInto('customers')
        .values({ customer_id: customerId, email, name })
        .onConflict((conflict) => conflict.column('customer_id').doUpdateSet({ email, name }))
        .execute();
    }),
    on(Orders.events.OrderCancelled, (order, ctx) => ctx.send(Notifications.commands.orderCancelled, order)),
    on(Returns.events.ReturnCompleted, (completed, ctx) => ctx.send(Notifications.commands.returnCompleted, completed)),
    on(Returns.events.ReturnRefused, (refused, ctx) => ctx.send(Notifications.commands.returnRefused, refused)),
    on(Preorders.events.PreorderConfirmed, (preorder, ctx) => ctx.send(Notifications.commands.preorderConfirmed, preorder)),
    on(Preorders.events.PreorderCancelled, (preorder, ctx) => ctx.send(Notifications.commands.preorderCancelled, preorder)),
  ],
});

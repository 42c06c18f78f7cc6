import { prepared, service, sql, type WriteContext } from 'ramet';
import { Users } from './contract.ts';
import { normalised } from './domain.ts';
import { signingKey } from './keys.ts';
import { accessToken, EXPIRES_IN_SECONDS } from './tokens.ts';

interface Tables {
  customers: { customer_id: string; email: string; name: string; password_hash: string; blocked: number; registered_at: string };
}

export default service(Users, { store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }) }).implement({
  commands: {
    register: prepared({
      prepare: ({ password }, { crypto }) => crypto.hashPassword(password),
      async run({ email: given, name }, ctx, passwordHash) {
        const email = normalised(given);
        const customerId = ctx.id('usr');
        const row = {
          customer_id: customerId,
          email,
          name,
          password_hash: passwordHash,
          registered_at: ctx.now().toISOString(),
          blocked: 0,
        };
        const inserted = await ctx.db
          .insertInto('customers')
          .values(row)
          .onConflict((conflict) => conflict.column('email').doNothing())
          .executeTakeFirstOrThrow();
        if (inserted.numInsertedOrUpdatedRows === 0n) throw ctx.fail.EmailTaken({ email });
        ctx.emit.CustomerRegistered({ customerId, email, name });
        return { userId: customerId };
      },
    }),
    block: ({ email }, ctx) => setBlocked(email, true, ctx),
    unblock: ({ email }, ctx) => setBlocked(email, false, ctx),
  },
  queries: {
    async logIn({ email, password }, { db, crypto, fail, now }) {
      const customer = await db
        .selectFrom('customers')
        .select(['customer_id', 'password_hash'])
        .where('email', '=', normalised(email))
        .executeTakeFirst();
      const hash = customer?.password_hash ?? (await nobodysHash(crypto));
      const verified = await crypto.verifyPassword(password, hash);
      if (!customer || !verified) throw fail.InvalidCredentials({});
      return { accessToken: await accessToken(await signingKey(), customer.customer_id, now()), expiresIn: EXPIRES_IN_SECONDS };
    },
    jwks: async () => ({ keys: [(await signingKey()).publicKey] }),
    async standing({ customerId }, { db, fail }) {
      const customer = await db
        .selectFrom('customers')
        .select(['blocked', 'email', 'name'])
        .where('customer_id', '=', customerId)
        .executeTakeFirst();
      if (!customer) throw fail.NoSuchCustomer({ customerId });
      return { ...customer, blocked: customer.blocked === 1 };
    },
  },
});

let madeForNobody: Promise<string> | undefined;

/** What the password for an unknown address is verified against, so that the time of an answer does not tell who is a customer. */
function nobodysHash(crypto: { hashPassword(password: string): Promise<string> }): Promise<string> {
  madeForNobody ??= crypto.hashPassword('no customer has this password');
  return madeForNobody;
}

type BlockContext = WriteContext<typeof Users, Tables, typeof Users.commands.block>;

async function setBlocked(email: string, blocked: boolean, ctx: BlockContext): Promise<{ customerId: string }> {
  const customer = await ctx.db
    .selectFrom('customers')
    .select(['customer_id', 'blocked'])
    .where('email', '=', normalised(email))
    .forUpdate()
    .executeTakeFirst();
  if (!customer) throw ctx.fail.NoSuchCustomer({ email });
  const customerId = customer.customer_id;
  if ((customer.blocked === 1) === blocked) return { customerId };
  await ctx.db
    .updateTable('customers')
    .set({ blocked: blocked ? 1 : 0 })
    .where('customer_id', '=', customerId)
    .execute();
  if (blocked) ctx.emit.CustomerBlocked({ customerId });
  else ctx.emit.CustomerUnblocked({ customerId });
  return { customerId };
}

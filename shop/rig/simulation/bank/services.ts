import { command, contract, event, failure, query, saga, service, sql, use } from 'ramet';
import { z } from 'zod';

/*
 * A bank as small as can be, whose handlers do nothing to protect themselves: every debit and every undo of one counts each
 * time it is called. What keeps the money together is the framework alone.
 */

const Posting = z.object({ transferId: z.string(), account: z.string(), amount: z.int().min(1) });
const NotEnough = failure(409, z.object({}));
const Account = z.object({ account: z.string() });
const Balance = z.object({ balance: z.int() });

const Opened = z.object({ accounts: z.array(z.object({ account: z.string(), balance: z.int() })) });

export const Giro = contract('giro', {
  commands: {
    open: command({ input: Opened }),
    debit: command({ input: Posting, errors: { NotEnough } }),
    undebit: command({ input: Posting }),
  },
  queries: { balance: query({ input: Account, output: Balance }) },
});
export const Savings = contract('savings', {
  commands: {
    open: command({ input: Opened }),
    credit: command({ input: Posting, errors: { Closed: failure(409, z.object({})) } }),
    uncredit: command({ input: Posting }),
  },
  queries: { balance: query({ input: Account, output: Balance }) },
});
const Transfer = z.object({ transferId: z.string(), from: z.string(), to: z.string(), amount: z.int().min(1) });
const TransferRef = z.object({ transferId: z.string() });
export const Transfers = contract('transfers', {
  commands: {
    place: command({ input: Transfer, key: 'required' }),
    stop: command({ input: TransferRef, output: z.object({ answer: z.string() }) }),
    accept: command({ input: TransferRef }),
    drop: command({ input: TransferRef }),
    check: command({ input: TransferRef, errors: { Suspicious: failure(409, z.object({})) } }),
    finish: command({ input: TransferRef }),
  },
  events: {
    TransferPlaced: event(Transfer, { key: 'from' }),
    TransferDone: event(TransferRef.extend({ from: z.string(), amount: z.int() }), { key: 'from' }),
    TransferDropped: event(TransferRef.extend({ from: z.string(), amount: z.int() }), { key: 'from' }),
  },
});
export const Books = contract('books', { queries: { totals: query({ input: z.object({}), output: z.object({ placed: z.int() }) }) } });

interface Accounts {
  accounts: { account: string; balance: number };
}
const accounts = { '0001_accounts': 'create table accounts (account text primary key, balance integer not null check (balance >= 0))' };

/** Accounts named so are closed for credits. */
export const CLOSED = 'closed';
/** The undo of a debit from an account named so fails while the bank is open, until the evening. */
export const STUCK = 'stuck';
export const EVENING = Date.UTC(2026, 0, 5, 8, 0, 25);

const giro = service(Giro, { store: sql<Accounts>({ migrations: accounts }) }).implement({
  commands: {
    open: async ({ accounts: opened }, { db }) => void (await db.insertInto('accounts').values(opened).execute()),
    async debit({ account, amount }, { db, fail }) {
      const row = await db
        .updateTable('accounts')
        .set((eb) => ({ balance: eb('balance', '-', amount) }))
        .where('account', '=', account)
        .where('balance', '>=', amount)
        .returning('balance')
        .executeTakeFirst();
      if (!row) throw fail.NotEnough({});
    },
    async undebit({ account, amount }, { db, now }) {
      if (account === STUCK && now().getTime() < EVENING) throw new Error('the vault is stuck');
      await db
        .updateTable('accounts')
        .set((eb) => ({ balance: eb('balance', '+', amount) }))
        .where('account', '=', account)
        .execute();
    },
  },
  queries: {
    balance: ({ account }, { db }) => db.selectFrom('accounts').select('balance').where('account', '=', account).executeTakeFirstOrThrow(),
  },
});

const savings = service(Savings, { store: sql<Accounts>({ migrations: accounts }) }).implement({
  commands: {
    open: async ({ accounts: opened }, { db }) => void (await db.insertInto('accounts').values(opened).execute()),
    async credit({ account, amount }, { db, fail }) {
      if (account === CLOSED) throw fail.Closed({});
      await db
        .updateTable('accounts')
        .set((eb) => ({ balance: eb('balance', '+', amount) }))
        .where('account', '=', account)
        .execute();
    },
    async uncredit({ account, amount }, { db }) {
      await db
        .updateTable('accounts')
        .set((eb) => ({ balance: eb('balance', '-', amount) }))
        .where('account', '=', account)
        .execute();
    },
  },
  queries: {
    balance: ({ account }, { db }) => db.selectFrom('accounts').select('balance').where('account', '=', account).executeTakeFirstOrThrow(),
  },
});

const transfer = saga('transfer', {
  input: Transfer,
  key: 'transferId',
  uses: { transfers: use(Transfers), giro: use(Giro), savings: use(Savings) },
  async run({ transferId, from, to, amount }, saga) {
    const { transfers, giro, savings } = saga.use;
    // One attempt each: what comes late comes after its undo.
    const quick = { timeout: '900ms', deadline: '1s' } as const;
    await saga.step('accept', transfers.accept({ transferId }), { undo: transfers.drop({ transferId }), deadline: '1d' });
    await saga.step('debit', giro.debit({ transferId, account: from, amount }), {
      undo: giro.undebit({ transferId, account: from, amount }),
      ...quick,
    });
    await saga.step('credit', savings.credit({ transferId, account: to, amount }), {
      undo: savings.uncredit({ transferId, account: to, amount }),
      ...quick,
    });
    await saga.step('check', transfers.check({ transferId }), { undo: 'nothing', ...quick });
    await saga.pivot('finish', transfers.finish({ transferId }));
  },
});

interface TransferTables {
  transfers: { transfer_id: string; sender: string; amount: number; state: string };
}
const transfers = service(Transfers, {
  store: sql<TransferTables>({
    migrations: {
      '0001_transfers':
        'create table transfers (transfer_id text primary key, sender text not null, amount integer not null, state text not null)',
    },
  }),
}).implement({
  commands: {
    async place(input, ctx) {
      const { transferId, from, amount } = input;
      await ctx.db.insertInto('transfers').values({ transfer_id: transferId, sender: from, amount, state: 'placed' }).execute();
      ctx.emit.TransferPlaced(input);
      ctx.start(transfer, input);
    },
    stop: async ({ transferId }, ctx) => ({ answer: await ctx.cancel(transfer, transferId, 'stopped') }),
    accept: () => {},
    async drop({ transferId }, ctx) {
      const row = await ctx.db
        .updateTable('transfers')
        .set({ state: 'dropped' })
        .where('transfer_id', '=', transferId)
        .returning(['sender as from', 'amount'])
        .executeTakeFirstOrThrow();
      ctx.emit.TransferDropped({ transferId, ...row });
    },
    check({ transferId }, ctx) {
      if (transferId.endsWith('7')) throw ctx.fail.Suspicious({});
    },
    async finish({ transferId }, ctx) {
      const row = await ctx.db
        .updateTable('transfers')
        .set({ state: 'done' })
        .where('transfer_id', '=', transferId)
        .returning(['sender as from', 'amount'])
        .executeTakeFirstOrThrow();
      ctx.emit.TransferDone({ transferId, ...row });
    },
  },
  sagas: [transfer],
});

interface BookTables {
  totals: { what: string; n: number };
}
const counted =
  (what: string) =>
  async (_: unknown, { db }: { db: any }) => {
    await db
      .insertInto('totals')
      .values({ what, n: 1 })
      .onConflict((conflict: any) => conflict.column('what').doUpdateSet((eb: any) => ({ n: eb('totals.n', '+', 1) })))
      .execute();
  };
const books = service(Books, {
  store: sql<BookTables>({ migrations: { '0001_totals': 'create table totals (what text primary key, n integer not null)' } }),
}).implement({
  queries: {
    async totals(_, { db }) {
      const row = await db.selectFrom('totals').select('n').where('what', '=', 'placed').executeTakeFirst();
      return { placed: row?.n ?? 0 };
    },
  },
  reactions: (on) => [
    on(Transfers.events.TransferPlaced, counted('placed')),
    on(Transfers.events.TransferPlaced, counted('placed, by the auditors'), { subscription: 'auditors' }),
    on(Transfers.events.TransferDone, counted('done')),
    on(Transfers.events.TransferDropped, counted('dropped')),
  ],
});

export const services = { giro, savings: savings, transfers, books };

import { command, contract, event, service, sql } from 'ramet';
import { postgresBus } from 'ramet/bus/postgres';
import type { Runtime } from 'ramet/runtime';
import { z } from 'zod';
import { startRamet, storesOnPostgres } from '../core/ramet.ts';
import type { Start } from '../core/row.ts';
import { drained, Handled, type Queue } from './drained.ts';

type StoreFactory = Awaited<ReturnType<typeof storesOnPostgres>>['store'];
type Store = Awaited<ReturnType<StoreFactory['open']>>;
type Tx = Parameters<Parameters<Store['write']>[0]>[0];
type Pipeline = (pieces: readonly ((tx: Tx) => Promise<void>)[]) => Promise<unknown>;

const Sent = z.object({ id: z.string() });
const Sender = contract('sender', {
  commands: { send: command({ input: Sent }), sendAll: command({ input: z.object({ ids: z.array(z.string()) }) }) },
  events: { Sent: event(Sent, { key: 'id' }) },
});
const Receiver = contract('receiver', {});

interface Tables {
  seen: { id: string };
}

const handled = new Handled();
/** The transaction that a handle of Kysely belongs to: it reports its commit. */
const transactions = new WeakMap<object, Tx>();

const sender = service(Sender, { store: sql<{}>({ migrations: {} }) }).implement({
  commands: {
    send: ({ id }, { emit }) => emit.Sent({ id }),
    sendAll: ({ ids }, { emit }) => {
      for (const id of ids) emit.Sent({ id });
    },
  },
});
const receiver = service(Receiver, {
  store: sql<Tables>({ migrations: { '0001_seen': 'create table seen (id text primary key)' } }),
}).implement({
  reactions: (on) => [
    on(Sender.events.Sent, async ({ id }, { db }) => {
      transactions.get(db)?.afterCommit(() => handled.tell(id));
      await db.insertInto('seen').values({ id }).execute();
    }),
  ],
});

const seen = (tx: Tx): Tx => {
  transactions.set(tx.db, tx);
  const { pipeline } = tx as Tx & { pipeline?: Pipeline };
  if (!pipeline) return tx;
  const all: Pipeline = (pieces) => pipeline(pieces.map((piece) => (of) => piece(seen(of))));
  return Object.assign({ ...tx }, { pipeline: all });
};

function watched(factory: StoreFactory): StoreFactory {
  return {
    ...factory,
    async open(name, environment) {
      const opened = await factory.open(name, environment);
      const write: Store['write'] = (work, options) => opened.write((tx) => work(seen(tx)), options);
      return { ...opened, write };
    },
  };
}

const start: Start = async ({ folder, server, forMs }) => {
  const { store, bus } = await storesOnPostgres(server, 'events', ['sender', 'receiver']);
  const onPoint = (site: string) => {
    if (site === 'relay.read') handled.began();
    return undefined;
  };
  // Without the receiver and the bus, what it publishes waits in the outbox.
  const alone = () => startRamet({ sender }, { folder, store });
  const together = () =>
    startRamet({ sender, receiver }, { folder, store, around: watched, bus: postgresBus(bus, { schema: `bus${process.pid}` }), onPoint });
  let runtime: Runtime = await alone();
  const instead = async (next: () => Promise<Runtime>) => {
    await runtime.stop();
    runtime = await next();
  };
  const queue: Queue = {
    fill: (ids) => runtime.client(Sender).sendAll({ ids: [...ids] }),
    open: () => instead(together),
    publish: (id) => runtime.client(Sender).send({ id }),
    shut: () => instead(alone),
  };
  return { round: () => drained(queue, handled, forMs * 20, forMs), close: () => runtime.stop() };
};
export default start;

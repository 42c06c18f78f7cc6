import { command, contract, type ServiceDefinition, saga, service, sql, use } from 'ramet';
import { postgres, provision } from 'ramet/store/postgres';
import type { sqlite } from 'ramet/store/sqlite';
import { z } from 'zod';
import { flushes, flushesEach } from '../core/flushes.ts';
import { closedLoop, percentiles } from '../core/measure.ts';
import { startRamet } from '../core/ramet.ts';
import type { Start } from '../core/row.ts';

type StoreFactory = ReturnType<typeof sqlite>;
type Store = Awaited<ReturnType<StoreFactory['open']>>;
type Tx = Parameters<Parameters<Store['write']>[0]>[0];

const Ref = z.object({ id: z.string() });
const steps = { run: command({ input: Ref }), undo: command({ input: Ref }) };
const Stock = contract('stock', { commands: steps });
const Money = contract('money', { commands: steps });
const Parcels = contract('parcels', { commands: steps });
const Trips = contract('trips', { commands: { begin: command({ input: Ref, output: z.object({}) }) } });

interface Tables {
  effects: { id: string; state: string };
}
const store = sql<Tables>({
  migrations: { '0001_effects': 'create table effects (id text primary key, state text not null)' },
});

const participant = (of: typeof Stock | typeof Money | typeof Parcels): ServiceDefinition =>
  service(of as typeof Stock, { store }).implement({
    commands: {
      run: async ({ id }, { db }) => void (await db.insertInto('effects').values({ id, state: 'done' }).execute()),
      undo: async ({ id }, { db }) => void (await db.updateTable('effects').set({ state: 'undone' }).where('id', '=', id).execute()),
    },
  });

const trip = saga('trip', {
  input: Ref,
  key: 'id',
  uses: { stock: use(Stock), money: use(Money), parcels: use(Parcels) },
  async run({ id }, ctx) {
    const { stock, money, parcels } = ctx.use;
    await ctx.step('stock', stock.run({ id }), { undo: stock.undo({ id }) });
    await ctx.step('money', money.run({ id }), { undo: money.undo({ id }) });
    await ctx.step('parcel', parcels.run({ id }), { undo: parcels.undo({ id }) });
  },
});

const trips = service(Trips).implement({
  commands: {
    begin({ id }, ctx) {
      ctx.start(trip, { id });
      return {};
    },
  },
  sagas: [trip],
});

/** Reports the ids of sagas when the transaction that completed them has been committed. */
function completions(factory: StoreFactory, onCompleted: () => void): StoreFactory {
  const seen = (tx: Tx): Tx => ({
    ...tx,
    expectRow(statement, ...params) {
      if (params[0] === 'COMPLETED') tx.afterCommit(onCompleted);
      tx.expectRow(statement, ...params);
    },
  });
  return {
    ...factory,
    async open(name, environment) {
      const opened = await factory.open(name, environment);
      if (name !== 'trips') return opened;
      const write: Store['write'] = (work, options) => opened.write((tx) => work(seen(tx)), options);
      return { ...opened, write };
    },
  };
}

/** Each service with a role and a schema of its own. */
async function onPostgres(server: string, names: readonly string[]): Promise<StoreFactory> {
  const { urls } = await provision(server, { services: names, prefix: `saga${process.pid}_` });
  return postgres((service) => urls[service] as string, { connections: 16 });
}

const start: Start = async ({ folder, forMs, variant, server }) => {
  const waiting: (() => void)[] = [];
  const around = (factory: StoreFactory) => completions(factory, () => waiting.shift()?.());
  const services = { trips, stock: participant(Stock), money: participant(Money), parcels: participant(Parcels) };
  const store = variant === 'postgres' ? await onPostgres(server as string, Object.keys(services)) : undefined;
  const runtime = await startRamet(services, { folder, around, ...(store ? { store } : {}) });
  const { begin } = runtime.client(Trips);
  let ids = 0;
  // Whichever saga ends first lets the one go that waits longest: as many are under way as are to be.
  const work = async () => {
    const ended = new Promise<void>((resolve) => waiting.push(resolve));
    await begin({ id: `trip-${ids++}` });
    await ended;
  };
  return {
    async round() {
      const together = await closedLoop(work, 50, forMs);
      const before = flushes();
      const alone = await closedLoop(work, 1, forMs);
      const each = flushesEach(before, alone.tookMs.length);
      return { '50 at once': together.perSecond, 'alone, throughput': alone.perSecond, ...percentiles(alone.tookMs, 'alone, '), ...each };
    },
    close: () => runtime.stop(),
  };
};
export default start;

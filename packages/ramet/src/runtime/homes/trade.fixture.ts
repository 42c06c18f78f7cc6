import { z } from 'zod';
import { embedded } from '../../bus/embedded/index.ts';
import { command, contract, event, query } from '../../contract/index.ts';
import { type Platform, realPlatform, type Timer } from '../../platform/index.ts';
import { use } from '../../rpc/index.ts';
import { saga } from '../../saga/index.ts';
import { effect, service, sql } from '../../service/index.ts';
import type { StoreFactory } from '../../store/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import type { Runtime, StartOptions } from '../options.ts';
import { start } from '../runtime.ts';
import { topology } from '../topology.ts';

const Order = z.object({ orderId: z.string() });

export const Orders = contract('orders', {
  commands: { place: command({ input: Order, key: 'required' }), confirm: command({ input: Order }), drop: command({ input: Order }) },
  queries: { confirmed: query({ input: z.object({}), output: z.object({ orders: z.array(z.string()) }) }) },
  events: { Placed: event(Order, { key: 'orderId' }) },
});
export const Payments = contract('payments', {
  commands: {
    charge: command({ input: Order }),
    refund: command({ input: Order }),
    note: command({ input: Order }),
    seen: command({ input: Order }),
    settled: command({ input: Order }),
  },
  queries: { sums: query({ input: z.object({}), output: z.record(z.string(), z.array(z.int())) }) },
  events: { Charged: event(Order, { key: 'orderId' }) },
});
export const Audit = contract('audit', {
  queries: { times: query({ input: z.object({}), output: z.object({ times: z.array(z.int()) }) }) },
});

/** The payment provider: how often it was asked under each key. */
export type Provider = Map<string, number>;

const fulfil = saga('fulfil', {
  input: Order,
  key: 'orderId',
  uses: { orders: use(Orders), payments: use(Payments) },
  async run({ orderId }, { step, pivot, use: { orders, payments } }) {
    await step('charge', payments.charge({ orderId }), { undo: payments.refund({ orderId }), timeout: '2s', deadline: '120s' });
    await pivot('confirm', orders.confirm({ orderId }));
  },
});

/** A saga of the service that is stopped: it sleeps, and its steps are commands of its own service. */
const settle = saga('settle', {
  input: Order,
  key: 'orderId',
  uses: { payments: use(Payments) },
  async run({ orderId }, { pivot, sleep, step, use: { payments } }) {
    await step('seen', payments.seen({ orderId }), { undo: 'nothing' });
    await sleep('rest', '20ms');
    await pivot('settled', payments.settled({ orderId }));
  },
});

interface Counted {
  counts: { what: string; order_id: string; times: number };
}
const counts = {
  '0001_counts': 'create table counts (what text not null, order_id text not null, times integer not null, primary key (what, order_id))',
};
const count = async (db: any, what: string, orderId: string) => {
  await db
    .insertInto('counts')
    .values({ what, order_id: orderId, times: 1 })
    .onConflict((row: any) => row.columns(['what', 'order_id']).doUpdateSet((eb: any) => ({ times: eb('counts.times', '+', 1) })))
    .execute();
};

const orders = service(Orders, { store: sql<Counted>({ migrations: counts }) }).implement({
  commands: {
    async place({ orderId }, { db, emit, start: begin }) {
      await count(db, 'placed', orderId);
      emit.Placed({ orderId });
      begin(fulfil, { orderId });
    },
    confirm: ({ orderId }, { db }) => count(db, 'confirmed', orderId),
    drop: ({ orderId }, { db }) => count(db, 'dropped', orderId),
  },
  queries: {
    confirmed: async (_, { db }) => ({
      orders: (await db.selectFrom('counts').select('order_id').where('what', '=', 'confirmed').where('times', '=', 1).execute()).map(
        (row) => row.order_id,
      ),
    }),
  },
  sagas: [fulfil],
});

const payments = (provider: Provider) =>
  service(Payments, { store: sql<Counted>({ migrations: counts }) }).implement({
    commands: {
      charge: effect({
        request: Order,
        outcome: z.object({}),
        intend: ({ orderId }) => ({ orderId }),
        async perform(_, { key }) {
          provider.set(key, (provider.get(key) ?? 0) + 1);
          // The answer takes a while, so that stops find effects under way.
          await new Promise((resolve) => setTimeout(resolve, 5));
          return {};
        },
        async record(_, { db, emit }, { orderId }) {
          await count(db, 'charged', orderId);
          emit.Charged({ orderId });
        },
      }),
      refund: ({ orderId }, { db }) => count(db, 'refunded', orderId),
      note: ({ orderId }, { db }) => count(db, 'noted', orderId),
      seen: ({ orderId }, { db }) => count(db, 'seen', orderId),
      settled: ({ orderId }, { db }) => count(db, 'settled', orderId),
    },
    queries: {
      sums: async (_, { db }) => {
        const sums: Record<string, number[]> = {};
        for (const { what, times } of await db.selectFrom('counts').selectAll().execute()) sums[what] = [...(sums[what] ?? []), times];
        return sums;
      },
    },
    reactions: (on) => [
      on(Orders.events.Placed, async ({ orderId }, { db, start: begin }) => {
        await count(db, 'heard', orderId);
        begin(settle, { orderId });
      }),
      on(Orders.events.Placed, ({ orderId }, { db }) => count(db, 'heard in order', orderId), { subscription: 'strict', poison: 'halt' }),
    ],
    schedules: (every) => [every('1s', 'tick', (({ db }: any) => count(db, 'tick', 'tick')) as never)],
    gauges: {
      payments_charged: {
        description: 'Charges',
        read: async ({ db }) => (await db.selectFrom('counts').selectAll().where('what', '=', 'charged').execute()).length,
      },
    },
    sagas: [settle],
  });

const audit = service(Audit, { store: sql<Counted>({ migrations: counts }), uses: { payments: use(Payments) } }).implement({
  queries: {
    times: async (_, { db }) => ({ times: (await db.selectFrom('counts').select('times').execute()).map(({ times }) => times) }),
  },
  reactions: (on) => [
    on(Payments.events.Charged, async ({ orderId }, { db, send }) => {
      await count(db, 'audited', orderId);
      send(Payments.commands.note, { orderId });
    }),
  ],
});

export interface Trade extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly provider: Provider;
  readonly lines: string[];
  /** Timers that are set and have neither fired nor been cancelled. */
  readonly timers: () => number;
}

/** Starts orders, payments and audit in one process. @param around changes the factory of their stores */
export async function startTrade(
  folder: string,
  around: (stores: StoreFactory) => StoreFactory = (stores) => stores,
  options: StartOptions = {},
): Promise<Trade> {
  const provider: Provider = new Map();
  const lines: string[] = [];
  const counting = countingTimers(realPlatform());
  const runtime = await start(
    topology({
      services: { orders, payments: payments(provider), audit },
      profiles: { monolith: { store: around(sqlite(folder)), bus: embedded() } },
    }),
    { logLevel: 'info', logTo: (line) => void lines.push(line), platform: counting.platform, ...options },
  );
  return { runtime, provider, lines, timers: counting.live, [Symbol.asyncDispose]: () => runtime.stop() };
}

function countingTimers(platform: Platform): { platform: Platform; live: () => number } {
  const live = new Set<object>();
  const set = (delayMs: number, fire: () => void): Timer => {
    const own = {};
    live.add(own);
    const timer = platform.timers.set(delayMs, () => {
      live.delete(own);
      fire();
    });
    return {
      cancel() {
        live.delete(own);
        timer.cancel();
      },
    };
  };
  const sleep = async (delayMs: number, signal?: AbortSignal): Promise<void> => {
    const own = {};
    live.add(own);
    try {
      await platform.timers.sleep(delayMs, signal);
    } finally {
      live.delete(own);
    }
  };
  return { platform: { ...platform, timers: { ...platform.timers, set, sleep } }, live: () => live.size };
}

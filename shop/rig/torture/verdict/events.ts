import { SERVICES } from '../subscriptions.ts';
import { type Check, differences, type Evidence, earnedOf, groupBy, linesOf, ordersOf } from './check.ts';

interface OutboxRow {
  readonly p: number;
  readonly pos: number;
  readonly event_id: string;
  readonly event: string;
  readonly key: string;
  readonly envelope: string;
}

interface Kept {
  readonly event_id: string;
  readonly type: string;
  readonly times: number;
}

const outboxOf = ({ databases }: Evidence, service: string): OutboxRow[] =>
  databases.rows<OutboxRow>(service, 'select p, pos, event_id, event, key, envelope from ramet_outbox order by p, pos');

export const positions: Check = {
  name: 'positions in every outbox are dense',
  *violations(evidence) {
    for (const service of SERVICES) {
      const heads = new Map(
        evidence.databases.rows<{ p: number; pos: number }>(service, 'select p, pos from ramet_partitions').map(({ p, pos }) => [p, pos]),
      );
      for (const [p, rows] of groupBy(outboxOf(evidence, service), (row) => String(row.p))) {
        const hole = rows.findIndex((row, index) => row.pos !== index + 1);
        if (hole >= 0) yield `${service}, partition ${p}: position ${hole + 1} is ${rows[hole]?.pos}`;
        if (heads.get(Number(p)) !== rows.at(-1)?.pos)
          yield `${service}, partition ${p}: ends at ${rows.at(-1)?.pos}, its counter says ${heads.get(Number(p))}`;
        heads.delete(Number(p));
      }
      for (const [p, pos] of heads) if (pos > 0) yield `${service}, partition ${p} is empty, its counter says ${pos}`;
    }
  },
};

export const delivered: Check = {
  name: 'every event was taken over by everyone who subscribes to it, and no other was',
  *violations(evidence) {
    for (const [subscriber, topics] of evidence.subscriptions) {
      const expected = new Set(
        SERVICES.filter((service) => [...topics].some((topic) => topic.startsWith(`${service}.`)))
          .flatMap((service) => outboxOf(evidence, service))
          .filter(({ event }) => topics.has(event))
          .map(({ event_id }) => event_id),
      );
      const taken = evidence.databases.rows<{ event_id: string }>(
        subscriber.split('.')[0] as string,
        'select event_id from ramet_inbox where subscriber = ?',
        subscriber,
      );
      yield* differences(
        expected,
        new Set(taken.map(({ event_id }) => event_id)),
        `${subscriber} missed an event`,
        `${subscriber} took an event that was never published`,
      );
    }
  },
};

/** Two subscribers that write down how often each event took effect. */
const COUNTING = [
  ['audit', 'select event_id, type, times from entries', 'entries'],
  ['analytics', 'select event_id, type, times from effects', 'effects'],
] as const;

export const onceInEffect: Check = {
  name: 'every event took effect exactly once (audit, analytics)',
  *violations(evidence) {
    for (const [subscriber, sql] of COUNTING) {
      const topics = evidence.subscriptions.get(subscriber) ?? new Set();
      const told = new Map(SERVICES.flatMap((service) => outboxOf(evidence, service)).map((row) => [row.event_id, row]));
      const expected = new Set([...told.values()].filter(({ event }) => topics.has(event)).map(({ event_id }) => event_id));
      const kept = evidence.databases.rows<Kept>(subscriber, sql);
      yield* differences(
        expected,
        new Set(kept.map(({ event_id }) => event_id)),
        `no effect in ${subscriber}`,
        `an effect in ${subscriber} of no event`,
      );
      for (const { event_id, type, times } of kept) {
        if (times !== 1) yield `event ${event_id} (${type}) took effect ${times} times in ${subscriber}`;
        if (told.has(event_id) && told.get(event_id)?.event !== type) yield `event ${event_id} is a ${type} in ${subscriber}`;
      }
    }
  },
};

export const inOrder: Check = {
  name: 'events of one key took effect in their order (audit, analytics)',
  *violations(evidence) {
    const orderedBy = ({ key, event }: OutboxRow) => (evidence.order === 'key' ? key : `${key} (${event})`);
    for (const [subscriber, , table] of COUNTING) {
      const turn = new Map(
        evidence.databases
          .rows<{ event_id: string; turn: number }>(subscriber, `select event_id, ${evidence.turn} as turn from ${table}`)
          .map((row) => [row.event_id, row.turn]),
      );
      for (const service of SERVICES)
        for (const [key, events] of groupBy(outboxOf(evidence, service), orderedBy)) {
          const turns = events.flatMap(({ event_id }) => turn.get(event_id) ?? []);
          if (turns.some((at, index) => at < (turns[index - 1] ?? 0)))
            yield `${subscriber} took the events of ${service} about ${key} in the order ${turns.join(', ')}`;
        }
    }
  },
};

export const kept: Check = {
  name: 'audit keeps events as they were published, analytics counts them',
  *violations(evidence) {
    const { databases } = evidence;
    const data = new Map(
      databases
        .rows<{ event_id: string; key: string; data: string }>('audit', 'select event_id, key, data from entries')
        .map((row) => [row.event_id, row]),
    );
    for (const row of SERVICES.flatMap((service) => outboxOf(evidence, service))) {
      const entry = data.get(row.event_id);
      const envelope = JSON.parse(row.envelope) as { id: string; type: string; key: string; data: unknown };
      if (envelope.id !== row.event_id || envelope.type !== row.event || envelope.key !== row.key)
        yield `event ${row.event_id} and its envelope differ`;
      if (entry && (entry.key !== row.key || entry.data !== JSON.stringify(envelope.data)))
        yield `event ${row.event_id} (${row.event}) is kept as ${entry.data}, published was ${JSON.stringify(envelope.data)}`;
    }
    const orders = ordersOf(evidence);
    const counted = databases.rows<Record<string, number>>(
      'analytics',
      'select sum(placed) as placed, sum(confirmed) as confirmed, sum(cancelled) as cancelled, sum(captured) - sum(refunded) as revenue from days',
    )[0];
    const real: Record<string, number> = {
      placed: orders.length,
      confirmed: orders.filter(({ status }) => status === 'confirmed').length,
      cancelled: orders.filter(({ status }) => status === 'cancelled').length,
      revenue: earnedOf(evidence),
    };
    for (const [what, count] of Object.entries(real))
      if ((counted?.[what] ?? 0) !== count) yield `analytics counts ${what} ${counted?.[what]}, the orders say ${count}`;
  },
};

/** What an event is about: of a return, which bears the key of its order, the return. */
const subjectOf = ({ key, envelope }: OutboxRow): string => (JSON.parse(envelope) as { data: { returnId?: string } }).data.returnId ?? key;

export const facts: Check = {
  name: 'each fact is published in one event, and each event is about a fact',
  *violations(evidence) {
    const { databases } = evidence;
    const orders = ordersOf(evidence);
    const ids = (service: string, sql: string) => databases.rows<{ id: string }>(service, sql).map(({ id }) => id);
    const events = SERVICES.flatMap((service) => outboxOf(evidence, service));
    const held = ids('inventory', 'select distinct order_id as id from reservations');
    const released = new Set(ids('inventory', "select distinct order_id as id from reservations where status = 'released'"));
    const expected: Record<string, readonly string[]> = {
      'users.CustomerRegistered': ids('users', 'select customer_id as id from customers'),
      'orders.OrderPlaced': orders.map(({ order_id }) => order_id),
      'orders.OrderConfirmed': orders.filter(({ status }) => status === 'confirmed').map(({ order_id }) => order_id),
      'orders.OrderCancelled': orders.filter(({ status }) => status === 'cancelled').map(({ order_id }) => order_id),
      'inventory.StockReserved': held,
      'inventory.StockReleased': [...released],
      'payments.PaymentQueued': ids('payments', 'select order_id as id from payments where queued = 1'),
      'payments.PaymentCaptured': ids('payments', "select order_id as id from payments where status in ('captured', 'refunded')"),
      'payments.PaymentRefunded': ids('payments', "select order_id as id from payments where status = 'refunded'"),
      'payments.PaymentDeclined': ids('payments', "select order_id as id from payments where status = 'declined'"),
      'shipping.ShipmentBooked': ids('shipping', 'select order_id as id from shipments'),
      'shipping.ShipmentCancelled': ids('shipping', "select order_id as id from shipments where status = 'cancelled'"),
      'orders.ReturnApproved': ids('orders', 'select return_id as id from order_returns'),
      'inventory.StockAllocated': ids(
        'inventory',
        "select preorder_id as id from allocations where status in ('allocated', 'sold', 'released')",
      ),
      'inventory.AllocationReleased': ids('inventory', "select preorder_id as id from allocations where status = 'released'"),
      'inventory.GoodsReceived': ids(
        'inventory',
        "select return_id as id from parcels where status in ('received', 'restocked', 'sent back')",
      ),
      'inventory.GoodsRejected': ids('inventory', "select return_id as id from parcels where status = 'rejected'"),
      'inventory.GoodsRestocked': ids('inventory', "select return_id as id from parcels where status = 'restocked'"),
      'payments.PartRefunded': ids('payments', "select return_id as id from part_refunds where status = 'refunded'"),
      'payments.RefundRefused': ids('payments', "select return_id as id from part_refunds where status = 'refused'"),
      'returns.ReturnReceived': ids('payments', 'select return_id as id from part_refunds'),
      'returns.ReturnRequested': ids('returns', 'select return_id as id from returns'),
      'returns.ReturnRefused': ids('returns', "select return_id as id from returns where stage = 'refused'"),
      'returns.ReturnCompleted': ids('returns', "select return_id as id from returns where stage = 'completed'"),
      'preorders.PreorderPlaced': ids('preorders', 'select preorder_id as id from preorders'),
      'preorders.PreorderConfirmed': ids('preorders', "select preorder_id as id from preorders where status = 'confirmed'"),
      'preorders.PreorderCancelled': ids('preorders', "select preorder_id as id from preorders where status = 'cancelled'"),
      'notifications.MailSent': ids('notifications', "select fact as id from mails where status = 'sent'"),
    };
    for (const [type, keys] of Object.entries(expected)) {
      const told = events.filter(({ event }) => event === type).map(subjectOf);
      if (new Set(told).size !== told.length)
        yield `${type} is published twice: ${told.filter((key, index) => told.indexOf(key) !== index).join(', ')}`;
      yield* differences(new Set(keys), new Set(told), `${type} was never published`, `${type} is published about what is not so`);
    }
    const progress = groupBy(
      events.filter(({ event }) => event === 'orders.OrderProgressed'),
      ({ key }) => key,
    );
    for (const order of orders) {
      const told = (progress.get(order.order_id) ?? []).length;
      // The first entry is the placing, the last one the end; each has an event of its own.
      if (order.status !== 'pending' && told !== order.entries - 2)
        yield `order ${order.order_id} has ${order.entries} entries, and ${told} events of progress`;
    }
    // While services are unavailable for a while, an operator is alerted that a step is still being tried; the check of sagas sees its end.
    if (evidence.faults.length === 0)
      for (const { event, key } of events) if (event.endsWith('.SagaNeedsAttention')) yield `an operator was alerted: ${event} ${key}`;
    for (const order of orders) if (linesOf(order).length === 0) yield `order ${order.order_id} has no lines`;
  },
};

export const nothingLeft: Check = {
  name: 'no dead letters, and nothing is parked, retried or due',
  *violations({ databases }) {
    const tables = {
      ramet_dead_letters: "event || ' ' || event_id || ': ' || error",
      ramet_retries: "state || ' ' || key || ' ' || event_id || ': ' || coalesce(error, '')",
      ramet_parked: "key || ' ' || event_id",
      ramet_halts: "state || ' ' || event_id || ': ' || coalesce(error, '')",
      ramet_timers: "kind || ' ' || id || ': ' || coalesce(last_error, '')",
    };
    for (const service of SERVICES)
      for (const [table, words] of Object.entries(tables))
        for (const { text } of databases.rows<{ text: string }>(service, `select ${words} as text from ${table}`))
          yield `${service}, ${table}: ${text}`;
  },
};

import { service, sql } from 'ramet';
import { Analytics } from '../analytics/contract.ts';
import { Inventory } from '../inventory/contract.ts';
import { Notifications } from '../notifications/contract.ts';
import { Orders } from '../orders/contract.ts';
import { Payments } from '../payments/contract.ts';
import { Preorders } from '../preorders/contract.ts';
import { Returns } from '../returns/contract.ts';
import { Shipping } from '../shipping/contract.ts';
import { Users } from '../users/contract.ts';
import { Audit } from './contract.ts';

interface Tables {
  entries: { event_id: string; type: string; key: string; at: string; correlation_id: string; data: string; times: number };
}

/** All events of the shop but StockChanged: it only follows from what is here already. */
const { StockChanged: _, ...ofInventory } = Inventory.events;
const kept = [
  ...Object.values(Analytics.events),
  ...Object.values(Users.events),
  ...Object.values(Orders.events),
  ...Object.values(ofInventory),
  ...Object.values(Payments.events),
  ...Object.values(Shipping.events),
  ...Object.values(Notifications.events),
  ...Object.values(Returns.events),
  ...Object.values(Preorders.events),
];

export default service(Audit, { store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }) }).implement({
  queries: {
    async trail({ key }, { db }) {
      const entries = await db
        .selectFrom('entries')
        .select(['event_id as eventId', 'type', 'at', 'correlation_id as correlationId', 'data'])
        .where('key', '=', key)
        .orderBy('at')
        .orderBy('event_id')
        .execute();
      return { items: entries.map((entry) => ({ ...entry, data: JSON.parse(entry.data) })) };
    },
  },
  reactions: (on) =>
    kept.map((event) =>
      on(event, async (data: Record<string, unknown>, { db, event: { id, type, timestamp, correlationId } }) => {
        await db
          .insertInto('entries')
          .values({
            event_id: id,
            type,
            key: String(data[event.key]),
            at: timestamp,
            correlation_id: correlationId,
            data: JSON.stringify(data),
            times: 1,
          })
          .onConflict((conflict) => conflict.column('event_id').doUpdateSet((eb) => ({ times: eb('entries.times', '+', 1) })))
          .execute();
      }),
    ),
});

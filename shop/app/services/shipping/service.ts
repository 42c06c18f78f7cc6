import { service, sql } from 'ramet';
import { Shipping } from './contract.ts';
import { COUNTER, deliverable, trackingNumber } from './domain.ts';

interface Tables {
  shipments: {
    order_id: string;
    shipment_id: string;
    tracking_number: string;
    status: 'booked' | 'cancelled';
    name: string;
    street: string;
    city: string;
    country: string;
  };
}

export default service(Shipping, { store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }) }).implement({
  commands: {
    async book({ orderId, shipTo = COUNTER }, ctx) {
      if (!deliverable(shipTo)) throw ctx.fail.Undeliverable({ country: shipTo.country });
      const shipmentId = ctx.id('shp');
      const number = trackingNumber(shipmentId);
      await ctx.db
        .insertInto('shipments')
        .values({ order_id: orderId, shipment_id: shipmentId, tracking_number: number, status: 'booked', ...shipTo })
        .execute();
      ctx.emit.ShipmentBooked({ orderId, shipmentId, trackingNumber: number });
      return { shipmentId, trackingNumber: number };
    },

    async cancel({ orderId }, ctx) {
      const shipment = await ctx.db
        .updateTable('shipments')
        .set({ status: 'cancelled' })
        .where('order_id', '=', orderId)
        .where('status', '=', 'booked')
        .returning('shipment_id')
        .executeTakeFirst();
      if (shipment) ctx.emit.ShipmentCancelled({ orderId, shipmentId: shipment.shipment_id });
    },
  },

  queries: {
    async get({ orderId }, { db, fail }) {
      const shipment = await db.selectFrom('shipments').selectAll().where('order_id', '=', orderId).executeTakeFirst();
      if (!shipment) throw fail.NotFound({ orderId });
      const { shipment_id: shipmentId, tracking_number, status, name, street, city, country } = shipment;
      return { orderId, shipmentId, trackingNumber: tracking_number, status, shipTo: { name, street, city, country } };
    },
  },
});

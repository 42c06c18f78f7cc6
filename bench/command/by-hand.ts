import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { flushes, flushesEach } from '../core/flushes.ts';
import { cpuMeter, percentiles } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { ORDER } from './orders.ts';

/** Runs `many` orders in one transaction; the same rows that Ramet writes, and nothing else. */
export function ordersByHand(folder: string): { place(many: number): void; close(): void } {
  const db = new DatabaseSync(join(folder, 'by-hand.db'));
  db.exec(`pragma journal_mode = wal; pragma synchronous = full;
    create table requests (key text primary key, hash text not null, answer text not null);
    create table orders (order_id text primary key, customer_id text not null, status text not null, lines text not null) strict;
    create index orders_of_customer on orders (customer_id);
    create table outbox (pos integer primary key, id text not null, type text not null, data text not null);`);
  const request = db.prepare('insert into requests values (?, ?, ?)');
  const order = db.prepare('insert into orders values (?, ?, ?, ?)');
  const outbox = db.prepare('insert into outbox (id, type, data) values (?, ?, ?)');
  const lines = JSON.stringify(ORDER.lines);
  return {
    place(many) {
      db.exec('begin immediate');
      for (let i = 0; i < many; i++) {
        const orderId = randomUUID();
        request.run(randomUUID(), lines, orderId);
        order.run(orderId, 'a customer', 'pending', lines);
        outbox.run(randomUUID(), 'orders.OrderPlaced', lines);
      }
      db.exec('commit');
    },
    close: () => db.close(),
  };
}

const start: Start = async ({ folder, forMs }) => {
  const { place, close } = ordersByHand(folder);
  const loop = (many: number) => {
    const tookMs: number[] = [];
    const began = performance.now();
    for (let now = began; now < began + forMs; now = performance.now()) {
      place(many);
      tookMs.push(performance.now() - now);
    }
    return { perSecond: (tookMs.length * many * 1_000) / (performance.now() - began), tookMs };
  };
  return {
    async round() {
      const cpu = cpuMeter();
      const together = loop(64);
      const cpuEach = cpu() / (together.tookMs.length * 64);
      const before = flushes();
      const alone = loop(1);
      const each = flushesEach(before, alone.tookMs.length);
      return {
        '64 at once': together.perSecond,
        'CPU each, 64 at once': cpuEach,
        'alone, throughput': alone.perSecond,
        ...percentiles(alone.tookMs, 'alone, '),
        ...each,
      };
    },
    close: async () => close(),
  };
};
export default start;

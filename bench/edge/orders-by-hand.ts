import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** What a careful team writes by hand behind its routes: each request a transaction of its own, durable. */
export function ordersByHand(folder: string): { place(customerId: string, key: string, lines: unknown): string; close(): void } {
  const db = new DatabaseSync(join(folder, 'by-hand.db'));
  db.exec(`pragma journal_mode = wal; pragma synchronous = full;
    create table requests (customer_id text not null, key text not null, body text not null, answer text not null, primary key (customer_id, key));
    create table orders (order_id text primary key, customer_id text not null, status text not null, lines text not null) strict;
    create index orders_of_customer on orders (customer_id);
    create table outbox (pos integer primary key, id text not null, type text not null, data text not null);`);
  const known = db.prepare('select answer from requests where customer_id = ? and key = ?');
  const request = db.prepare('insert into requests values (?, ?, ?, ?)');
  const order = db.prepare('insert into orders values (?, ?, ?, ?)');
  const outbox = db.prepare('insert into outbox (id, type, data) values (?, ?, ?)');
  return {
    place(customerId, key, lines) {
      const earlier = known.get(customerId, key) as { answer: string } | undefined;
      if (earlier) return earlier.answer;
      const orderId = randomUUID();
      const text = JSON.stringify(lines);
      db.exec('begin immediate');
      try {
        request.run(customerId, key, text, orderId);
        order.run(orderId, customerId, 'pending', text);
        outbox.run(randomUUID(), 'orders.OrderPlaced', text);
        db.exec('commit');
        return orderId;
      } catch (error) {
        db.exec('rollback');
        throw error;
      }
    },
    close: () => db.close(),
  };
}

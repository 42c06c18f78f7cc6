import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { ORDER } from '../command/orders.ts';
import { closedLoop, cpuMeter, percentiles } from '../core/measure.ts';
import type { Start } from '../core/row.ts';

const TABLES = [
  'create table requests (key text primary key, hash text not null, answer text not null)',
  'create table orders (order_id text primary key, customer_id text not null, status text not null, lines text not null)',
  'create index orders_of_customer on orders (customer_id)',
  'create table outbox (pos bigserial primary key, id text not null, type text not null, data text not null)',
];
const REQUEST = { name: 'request', text: 'insert into requests values ($1, $2, $3)' };
const PLACE = { name: 'order', text: 'insert into orders values ($1, $2, $3, $4)' };
const EVENT = { name: 'event', text: 'insert into outbox (id, type, data) values ($1, $2, $3)' };
const ALL = {
  name: 'all',
  text: `with request as (insert into requests values ($1, $2, $3)), placed as (insert into orders values ($3, $4, $5, $2))
    insert into outbox (id, type, data) values ($6, $7, $2)`,
};

const start: Start = async ({ server, variant, forMs }) => {
  const schema = `by_hand_${process.pid}`;
  const pool = new pg.Pool({ connectionString: server, max: 16, options: `-c search_path=${schema}` });
  await pool.query(`create schema ${schema}`);
  for (const table of TABLES) await pool.query(table);
  const lines = JSON.stringify(ORDER.lines);
  const one = async () => {
    await pool.query({ ...ALL, values: [randomUUID(), lines, randomUUID(), 'a customer', 'pending', randomUUID(), 'orders.OrderPlaced'] });
  };
  const three = async () => {
    const client = await pool.connect();
    const orderId = randomUUID();
    await client.query('begin');
    await client.query({ ...REQUEST, values: [randomUUID(), lines, orderId] });
    await client.query({ ...PLACE, values: [orderId, 'a customer', 'pending', lines] });
    await client.query({ ...EVENT, values: [randomUUID(), 'orders.OrderPlaced', lines] });
    await client.query('commit');
    client.release();
  };
  const work = variant === 'one' ? one : three;
  return {
    async round() {
      const cpu = cpuMeter();
      const together = await closedLoop(work, 16, forMs);
      const cpuEach = cpu() / together.tookMs.length;
      const alone = await closedLoop(work, 1, forMs);
      return { '16 at once': together.perSecond, 'CPU each, 16 at once': cpuEach, ...percentiles(alone.tookMs, 'alone, ') };
    },
    async close() {
      await pool.query(`drop schema ${schema} cascade`);
      await pool.end();
    },
  };
};
export default start;

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Producer } from '@platformatic/kafka';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type AnyContract, command, contract, event } from '../../contract/index.ts';
import { type OwnEngine, ownEngine } from '../../platform/engine.fixture.ts';
import { type Runtime, start, topology } from '../../runtime/index.ts';
import { service, sql } from '../../service/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import type { Envelope } from '../envelope.ts';
import { kafka } from './index.ts';

/*
 * The program of docs/events.md stands between two services of Ramet: what it knows of them is that page. Its topics bear no
 * prefix, so it has a broker of its own.
 */
const root = fileURLToPath(new URL('../../../../../', import.meta.url));
const execute = promisify(execFile);

const Orders = contract('orders', {
  commands: { place: command({ input: z.object({ orderId: z.string(), total: z.int() }) }) },
  events: { OrderPlaced: event(z.object({ orderId: z.string(), total: z.int() }), { key: 'orderId' }) },
});
const Mailer = contract('mailer', {
  events: { MailWritten: event(z.object({ orderId: z.string(), to: z.string() }), { key: 'orderId' }) },
});
const orders = service(Orders, { store: sql<{}>({ migrations: {} }) }).implement({
  commands: { place: (order, { emit }) => emit.OrderPlaced(order) },
});

let broker: OwnEngine;
let python: string;
const folder = mkdtempSync(join(tmpdir(), 'ramet-python-'));
beforeAll(async () => {
  const script = join(root, 'infra/python.sh');
  const requirements = join(import.meta.dirname, 'python.requirements.txt');
  python = (await execute(script, [requirements])).stdout.trim();
  const page = readFileSync(join(root, 'docs/events.md'), 'utf8');
  writeFileSync(join(folder, 'mailer.py'), /```python\n(.*?)```/s.exec(page)?.[1] ?? '');
  broker = await ownEngine('kafka');
});
afterAll(async () => {
  await broker?.wipe();
  rmSync(folder, { recursive: true });
});

const children: ChildProcess[] = [];
const running: Runtime[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const runtime of running.splice(0)) await runtime.stop();
});

function mailer(): ChildProcess {
  const env = { ...process.env, KAFKA_BROKERS: broker.url, MAILER_DB: join(folder, 'mailer.db') };
  const child = spawn(python, [join(folder, 'mailer.py')], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  children.push(child);
  return child;
}

/** The services of Ramet; `heard` gets what Python has published, with what is known of each event. */
async function shop(heard: { data: unknown; event: unknown }[]): Promise<Runtime> {
  const audit = service(contract('audit', {}), { store: sql<{}>({ migrations: {} }) }).implement({
    reactions: (on) => [on(Mailer.events.MailWritten, (data, ctx) => void heard.push({ data, event: ctx.event }))],
  });
  const runtime = await start(
    topology({
      services: { orders, audit },
      foreign: ['mailer'],
      profiles: { monolith: { store: sqlite(folder), bus: kafka({ brokers: [broker.url], partitions: 3, session: '1500ms' }) } },
    }),
    { logTo: () => {} },
  );
  running.push(runtime);
  return runtime;
}

const place = (runtime: Runtime, orderId: string, total: number) =>
  (runtime.client(Orders as AnyContract) as any).place({ orderId, total });
const mails = (): { order_id: string; total: number }[] => read('select order_id, total from mails order by rowid');
function read(query: string): any[] {
  // Not read-only: it may have to take back what a killed process has left half written.
  using database = new DatabaseSync(join(folder, 'mailer.db'), { timeout: 10_000 });
  return database.prepare(query).all();
}
const outbox = (runtime: Runtime) =>
  runtime.services.get('orders')?.store.reader.all<{ envelope: string }>('select envelope from ramet_outbox');
const placed = Array.from({ length: 60 }, (_, at) => ({ orderId: `ord_${at % 6}`, total: at }));

test('a program in Python takes events of Ramet and publishes its own, by the page alone', async () => {
  const heard: { data: any; event: any }[] = [];
  const runtime = await shop(heard);
  mailer();
  for (const { orderId, total } of placed.slice(0, 30)) await place(runtime, orderId, total);
  await until('all is heard', () => heard.length === 30);

  // Each in its order by key, and once.
  for (const key of ['ord_0', 'ord_5']) {
    const wanted = placed.slice(0, 30).filter(({ orderId }) => orderId === key);
    expect(
      mails()
        .filter(({ order_id }) => order_id === key)
        .map(({ total }) => total),
    ).toEqual(wanted.map(({ total }) => total));
  }
  expect(mails()).toHaveLength(30);
  // What followed from an event of Ramet still belongs to the request that led to it.
  const sent = ((await outbox(runtime)) ?? []).map(({ envelope }) => JSON.parse(envelope) as Envelope);
  expect(heard.map(({ event }) => event.correlationId).sort()).toEqual(sent.map(({ correlationId }) => correlationId).sort());
  expect(heard[0]).toMatchObject({ data: { to: 'customer' }, event: { type: 'mailer.MailWritten', key: heard[0]?.data.orderId } });
});

test('killed in the middle it loses nothing and does nothing twice', async () => {
  const heard: { data: any; event: any }[] = [];
  const runtime = await shop(heard);
  for (const from of [30, 45]) {
    const child = mailer();
    for (const { orderId, total } of placed.slice(from, from + 15)) await place(runtime, orderId, total);
    const before = mails().length;
    await until('some are handled', () => mails().length > before || mails().length === 60);
    child.kill('SIGKILL');
  }
  const last = mailer();
  await until('all are handled', () => mails().length >= 60);
  await until('all is heard', () => heard.length >= 30);
  last.kill('SIGTERM');
  await until('it has ended', () => last.exitCode !== null);
  const totals = mails().map(({ total }) => total);
  expect(totals.sort((one, other) => one - other)).toEqual(placed.map(({ total }) => total));
  // What Python published again after a kill bears the same id, so that Ramet took it once.
  await publish([0, 1, 2].map((p) => ({ p, key: `end-${p}`, value: JSON.stringify(mail(`end-${p}`)) })));
  await until('what lies before the end has arrived', () => heard.filter(({ data }) => data.orderId.startsWith('end-')).length === 3);
  expect(heard).toHaveLength(30 + 3);
});

test('what a foreign program writes wrongly becomes a dead letter, and the partition continues', async () => {
  const heard: { data: any; event: any }[] = [];
  const runtime = await shop(heard);
  const values = {
    no_json: 'no JSON',
    unknown: JSON.stringify(mail('unknown', { version: 7 })),
    misfit: JSON.stringify(mail('misfit', { data: { orderId: 5 } })),
    good: JSON.stringify(mail('good', { further: 'fields are ignored' })),
  };
  await publish(Object.entries(values).map(([key, value]) => ({ p: 0, key, value })));
  await until('the good one behind them is heard', () => heard.length > 0);
  expect(heard[0]).toMatchObject({ data: { orderId: 'good' }, event: { id: 'mail-good', correlationId: 'cor_1' } });
  const letters = await runtime.services
    .get('audit')
    ?.store.reader.all<{ key: string; reason: string }>('select key, reason from ramet_dead_letters order by key');
  expect(letters?.map(({ key }) => key)).toEqual(['misfit', 'no_json', 'unknown']);
});

/** An event as a program of others writes it. */
const mail = (key: string, more: object = {}) => ({
  id: `mail-${key}`,
  type: 'mailer.MailWritten',
  version: 1,
  source: 'mailer',
  key,
  timestamp: '2026-11-21T02:39:34.224Z',
  correlationId: 'cor_1',
  traceparent: '00-80adfa23a5b6eb466c8b19a52e85f7df-fc0fbaccea67a1a0-01',
  data: { orderId: key, to: 'customer' },
  ...more,
});

async function publish(records: readonly { readonly p: number; readonly key: string; readonly value: string }[]): Promise<void> {
  const producer = new Producer({ clientId: 'stranger', bootstrapBrokers: [broker.url] });
  const messages = records.map(({ p, key, value }) => ({
    topic: 'mailer.MailWritten',
    partition: p,
    key: Buffer.from(key),
    value: Buffer.from(value),
  }));
  await producer.send({ messages });
  await producer.close();
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 60_000;
  for (;;) {
    if (await holds()) return;
    if (Date.now() > end) throw new Error(`not within a minute: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

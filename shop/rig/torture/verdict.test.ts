import { appendFileSync, closeSync, cpSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { preorderOf } from './aftersales.ts';
import { Databases } from './databases.ts';
import { type Exchange, type History, newHistory, type OrderKind, orderIdsOf, type Placement, type ReturnBody } from './history.ts';
import { Lives } from './lives.ts';
import { randomOf } from './random.ts';
import { settle } from './run.ts';
import { orderOf } from './shopping.ts';
import { subscriptions } from './subscriptions.ts';
import type { Evidence, Life } from './verdict/check.ts';
import { CHECKS, judge } from './verdict/verdict.ts';
import { Workload } from './workload.ts';

const KINDS: readonly OrderKind[] = ['pays', 'charges and drops', 'declined', 'no funds', 'undeliverable', 'out of stock', 'pays'];

/** A small shop that was never killed; each test tampers with a copy of what it left. */
let folder: string;
let clean: Evidence;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ramet-verdict-'));
  await using lives = new Lives(folder, await subscriptions(), () => {});
  const { ports } = await lives.begin();
  await lives.ready();
  const history = newHistory();
  const random = randomOf(1);
  const counter = { port: ports.admin, tokenFile: join(folder, 'data', 'admin.token') };
  using workload = new Workload({ port: ports.web, clients: 0, customers: 0, random, history, counter });
  const wire = workload.wire('test', true);
  const customer = await workload.register(wire, 'Ada', 'ada@torture.example');
  for (const kind of KINDS) await workload.order(wire, customer, orderOf(kind, random));
  await settle(lives, workload);
  const [whole, , , , , , part] = history.placements as Placement[];
  const piece = [{ sku: part?.body.lines[0]?.sku ?? '', quantity: 1 }];
  const returned = async (of: Placement | undefined, body: ReturnBody) =>
    workload.return(wire, customer, orderIdsOf(of as Placement)[0] as string, body);
  await returned(whole, { reason: 'Too green.' });
  await returned(part, { reason: 'They are worn out.', lines: piece });
  await settle(lives, workload);
  await returned(part, { reason: 'Too green.', lines: piece });
  for (const kind of ['pays', 'declined'] as const) await workload.preorder(wire, customer, preorderOf(kind, random, false));
  const waiting = preorderOf('pays', random, true);
  for (let i = 0; i < 3; i++) await workload.preorder(wire, customer, waiting);
  await workload.cancelPreorder(wire, customer, await workload.preorder(wire, customer, waiting));
  await workload.deliver(waiting.body.sku, 30);
  const settling = await settle(lives, workload);
  await workload.view();
  await lives.terminate();
  clean = { ...lives.evidence(), history, settling };
});

afterAll(() => {
  clean?.databases[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** What a tampering may change. */
interface Scene {
  readonly history: History;
  readonly lives: Life[];
  readonly watched: string[];
  readonly ill: string[];
  readonly unsound: string[];
  readonly engines: string[];
  order: Evidence['order'];
  readonly dataDir: string;
  /** Order ids by their outcome. */
  readonly confirmed: string;
  readonly cancelled: string;
  settling: Evidence['settling'];
  sql(database: string, ...statements: string[]): void;
}

/** @returns what the verdict says of a tampered copy: the names of the checks that found something, with what they found */
function verdictOf(tamper: (scene: Scene) => void): Map<string, readonly string[]> {
  const copy = mkdtempSync(join(tmpdir(), 'ramet-tampered-'));
  try {
    cpSync(folder, copy, { recursive: true });
    const dataDir = join(copy, 'data');
    const order = (status: string) =>
      clean.databases.rows<{ order_id: string }>('orders', 'select order_id from orders where status = ?', status)[0]?.order_id ?? '';
    const scene: Scene = {
      history: structuredClone(clean.history) as History,
      lives: clean.lives.map((life) => ({ ...life, logFiles: life.logFiles.map((file) => file.replace(folder, copy)) })),
      watched: [],
      ill: [],
      unsound: [],
      engines: [],
      order: 'key',
      dataDir,
      confirmed: order('confirmed'),
      cancelled: order('cancelled'),
      settling: clean.settling,
      sql(name, ...statements) {
        const file = name === 'provider' || name === 'mail' ? join(name, `${name}.db`) : `${name}.db`;
        const database = new DatabaseSync(join(dataDir, file), { enableForeignKeyConstraints: false });
        for (const statement of statements)
          if (Number(database.prepare(statement).run().changes) === 0) throw new Error(`changed nothing: ${statement}`);
        database.close();
      },
    };
    tamper(scene);
    using databases = new Databases(dataDir);
    const judgements = judge({ ...clean, ...scene, databases });
    return new Map(judgements.filter(({ violations }) => violations.length > 0).map(({ name, violations }) => [name, violations]));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

const lost = (over: Partial<Exchange>): Exchange => ({
  client: 'test',
  method: 'GET',
  path: '/api/orders',
  startedMono: 0,
  sentMono: 0,
  endedMono: 0,
  status: undefined,
  body: undefined,
  error: 'ECONNRESET',
  ...over,
});
const only = <T>(items: readonly T[]): T => items[0] as T;
const answer = (status: number, body: unknown = {}) => ({ status, body, endedMono: 0 });
const first = (table: string, where = '1 = 1') => `rowid = (select min(rowid) from ${table} where ${where})`;

/** What is done, and the check that must see it. */
const TAMPERINGS: readonly (readonly [what: string, check: string, tamper: (scene: Scene) => void])[] = [
  [
    'an order without an end',
    'every order ends in time',
    ({ sql, confirmed }) => sql('orders', `update orders set status = 'pending' where order_id = '${confirmed}'`),
  ],
  [
    'work that is left when the time is over',
    'every order ends in time',
    (scene) => {
      scene.settling = {
        ms: 120_001,
        left: { pendingOrders: 0, openSagas: 0, compensations: 0, effects: 1, events: 0, timers: 0, retries: 0 },
      };
    },
  ],
  [
    'a key with two orders',
    'each key is one order, and each order has a key',
    ({ history }) => only(history.placements).answers.push(answer(202, { orderId: 'ord_other' })),
  ],
  [
    'an accepted order that is gone',
    'each key is one order, and each order has a key',
    ({ sql, confirmed }) => sql('orders', `delete from orders where order_id = '${confirmed}'`),
  ],
  [
    'an order that no client got an answer for',
    'each key is one order, and each order has a key',
    ({ history }) => history.placements.pop(),
  ],
  [
    'another body under a key',
    'each key is one order, and each order has a key',
    ({ history }) => history.misuses.push({ key: 'key-1', answer: answer(202, { orderId: 'ord_other' }) }),
  ],
  [
    'a total that is not the sum',
    'orders hold what was ordered, at its price',
    ({ sql, cancelled }) => sql('orders', `update orders set total = total + 1 where order_id = '${cancelled}'`),
  ],
  [
    'a quantity that was not ordered',
    'orders hold what was ordered, at its price',
    ({ sql, confirmed }) =>
      sql('orders', `update orders set lines = replace(lines, '"quantity":', '"quantity":1') where order_id = '${confirmed}'`),
  ],
  [
    'a reason that is not true',
    'orders end as they must: confirmed only when paid and deliverable, cancelled for a true reason',
    ({ sql, cancelled }) => sql('orders', `update orders set reason = 'cancelled by the customer' where order_id = '${cancelled}'`),
  ],
  [
    'a history with a hole',
    'the history of each order is whole and ends with it',
    ({ sql, confirmed }) => sql('orders', `delete from order_history where order_id = '${confirmed}' and seq = 3`),
  ],
  [
    'a list that says otherwise',
    'customers see their orders as they are',
    ({ history }) => void history.views.splice(0, 1, { ...only(history.views), status: 'pending' }),
  ],
  ['a list without an order', 'customers see their orders as they are', ({ history }) => history.views.pop()],
  [
    'a stream that left something out',
    'streams tell the history of their order from its beginning, to its end unless the process ended',
    ({ history, confirmed }) =>
      history.exchanges.push(
        lost({
          path: `/api/orders/${confirmed}/events`,
          status: 200,
          error: undefined,
          body: 'data: {"status":"confirmed","what":"confirmed"}\n\n',
        }),
      ),
  ],
  [
    'a stream that ended early',
    'streams tell the history of their order from its beginning, to its end unless the process ended',
    ({ history, confirmed }) =>
      history.exchanges.push(
        lost({
          path: `/api/orders/${confirmed}/events`,
          status: 200,
          error: undefined,
          body: 'data: {"status":"pending","what":"placed"}\n\n',
        }),
      ),
  ],
  [
    'an accepted cancellation of a confirmed order',
    'an accepted cancellation cancels, a refused one does not',
    ({ history, confirmed }) => history.cancellations.push({ orderId: confirmed, answers: [answer(202)] }),
  ],
  [
    'a refused cancellation of a cancelled order',
    'an accepted cancellation cancels, a refused one does not',
    ({ history, cancelled }) => history.cancellations.push({ orderId: cancelled, answers: [answer(409)] }),
  ],
  [
    'a return that is gone',
    'each key is one return or one pre-order, each of them has a key, and each delivery came in',
    ({ sql }) => sql('returns', "delete from returns where stage = 'refused'"),
  ],
  [
    'a pre-order that no client got an answer for',
    'each key is one return or one pre-order, each of them has a key, and each delivery came in',
    ({ history }) => history.preorders.pop(),
  ],
  [
    'a delivery that was not answered',
    'each key is one return or one pre-order, each of them has a key, and each delivery came in',
    ({ history }) => history.deliveries.push({ sku: 'X', quantity: 1, answers: [] }),
  ],
  [
    'a return that has not ended',
    'returns end: completed for what was bought and its price, or refused for a true reason',
    ({ sql }) => sql('returns', "update returns set stage = 'received' where stage = 'completed'"),
  ],
  [
    'a return that was worth more than its goods',
    'returns end: completed for what was bought and its price, or refused for a true reason',
    ({ sql }) => sql('returns', "update returns set refund = refund + 1 where stage = 'completed'"),
  ],
  [
    'a return of more than was sold',
    'returns end: completed for what was bought and its price, or refused for a true reason',
    ({ sql }) => sql('returns', `update returns set lines = replace(lines, '"quantity":', '"quantity":1') where stage = 'completed'`),
  ],
  [
    'a return that was refused for no reason',
    'returns end: completed for what was bought and its price, or refused for a true reason',
    ({ sql }) => sql('returns', "update returns set because = 'Too green.' where stage = 'refused'"),
  ],
  [
    'a partial refund that was not promised',
    'refunds add up: to the whole of a refunded charge, to what was returned of another one',
    ({ sql }) =>
      sql('provider', "update refunds set amount = amount + 1 where charge in (select id from charges where status = 'captured')"),
  ],
  [
    'a part that went back and is not in our books',
    'our books of payments agree with the provider',
    ({ sql }) => sql('payments', 'update payments set refunded = 0 where refunded < amount and refunded > 0'),
  ],
  [
    'goods that came back and were not restocked',
    'stock adds up for every product',
    ({ history }) => void history.deliveries.push({ sku: only(history.deliveries).sku, quantity: 1, answers: [answer(200)] }),
  ],
  [
    'a pre-order that waits for what is there',
    'pre-orders end as they must, and who waits does so for want of goods',
    ({ sql }) => sql('preorders', "update preorders set quantity = 1 where status = 'waiting'"),
  ],
  [
    'a pre-order whose goods are still held',
    'pre-orders end as they must, and who waits does so for want of goods',
    ({ sql }) => sql('inventory', "update allocations set status = 'allocated' where status = 'sold'"),
  ],
  [
    'a cancellation of a pre-order that changed nothing',
    'pre-orders end as they must, and who waits does so for want of goods',
    ({ history }) => only(history.preorders).cancelled.push(answer(202)),
  ],
  [
    'a pre-order that no customer cancelled',
    'pre-orders end as they must, and who waits does so for want of goods',
    ({ history }) => {
      for (const { cancelled } of history.preorders) cancelled.length = 0;
    },
  ],
  [
    'a double charge',
    'a confirmed order has one charge of its total, captured unless all of it came back, and a cancelled one none',
    ({ sql, confirmed }) =>
      sql(
        'provider',
        `insert into charges (id, key, token, reference, amount, status, created_at)
         select 'ch_double', 'another key', token, reference, amount, status, created_at from charges where reference = '${confirmed}'`,
      ),
  ],
  [
    'a charge that a cancelled order keeps',
    'a confirmed order has one charge of its total, captured unless all of it came back, and a cancelled one none',
    ({ sql }) => sql('provider', "update charges set status = 'captured' where status = 'refunded'"),
  ],
  [
    'a refund that was not made',
    'refunds add up: to the whole of a refunded charge, to what was returned of another one',
    ({ sql }) => sql('provider', 'delete from refunds'),
  ],
  [
    'a cent too much',
    'the money at the provider is the total of what is sold: confirmed orders and pre-orders, less what came back',
    ({ sql, confirmed }) => sql('provider', `update charges set amount = amount + 1 where reference = '${confirmed}'`),
  ],
  [
    'a payment that the provider does not know',
    'our books of payments agree with the provider',
    ({ sql }) => sql('payments', "update payments set status = 'refunded' where status = 'captured' and refunded = 0"),
  ],
  [
    'stock off by one',
    'stock adds up for every product',
    ({ sql }) => sql('inventory', 'update stock set available = available + 1 where sold > 0'),
  ],
  [
    'stock that is held for ever',
    'stock adds up for every product',
    ({ sql }) => sql('inventory', `update stock set available = available - 1, reserved = 1 where ${first('stock')}`),
  ],
  [
    'stock sold without an order',
    'stock adds up for every product',
    ({ sql }) => sql('inventory', `update stock set available = available - 1, sold = sold + 1 where ${first('stock')}`),
  ],
  [
    'a reservation that does not end',
    'reservations end with their orders: sold when confirmed, released or none when cancelled',
    ({ sql }) => sql('inventory', "update reservations set status = 'reserved' where status = 'released'"),
  ],
  [
    'a catalog that is behind',
    'the catalog shows what inventory has',
    ({ sql }) => sql('catalog', `update availability set available = available - 1 where ${first('availability')}`),
  ],
  [
    'a missing event',
    'every event was taken over by everyone who subscribes to it, and no other was',
    ({ sql }) => sql('inventory', `delete from ramet_inbox where ${first('ramet_inbox')}`),
  ],
  [
    'an invented event',
    'every event was taken over by everyone who subscribes to it, and no other was',
    ({ sql }) => sql('catalog', "insert into ramet_inbox (subscriber, event_id, at) values ('catalog', 'evt_never', 0)"),
  ],
  [
    'an event with two effects',
    'every event took effect exactly once (audit, analytics)',
    ({ sql }) => sql('audit', `update entries set times = 2 where ${first('entries')}`),
  ],
  [
    'an event without effect',
    'every event took effect exactly once (audit, analytics)',
    ({ sql }) => sql('analytics', `delete from effects where ${first('effects')}`),
  ],
  [
    'events of a key out of order',
    'events of one key took effect in their order (audit, analytics)',
    ({ sql, confirmed }) => sql('audit', `update entries set rowid = 1000000 where key = '${confirmed}' and type = 'orders.OrderPlaced'`),
  ],
  [
    'events of a key and type out of order, where only they have one',
    'events of one key took effect in their order (audit, analytics)',
    (scene) => {
      scene.order = 'key and type';
      scene.sql('audit', "update entries set rowid = 1000000 + 1000000 / rowid where type = 'orders.OrderProgressed'");
    },
  ],
  [
    'a kept event that says otherwise',
    'audit keeps events as they were published, analytics counts them',
    ({ sql }) => sql('audit', `update entries set data = '{}' where ${first('entries')}`),
  ],
  [
    'a wrong count',
    'audit keeps events as they were published, analytics counts them',
    ({ sql }) => sql('analytics', 'update days set placed = placed + 1'),
  ],
  [
    'a fact that was never published',
    'each fact is published in one event, and each event is about a fact',
    ({ sql }) => sql('payments', `delete from ramet_outbox where ${first('ramet_outbox', "event = 'payments.PaymentCaptured'")}`),
  ],
  [
    'a fact that was published twice',
    'each fact is published in one event, and each event is about a fact',
    ({ sql, confirmed }) =>
      sql(
        'orders',
        `insert into ramet_outbox select p, pos + 1000, 'evt_again', event, version, key, at, envelope from ramet_outbox
         where event = 'orders.OrderConfirmed' and key = '${confirmed}'`,
      ),
  ],
  [
    'a dead letter',
    'no dead letters, and nothing is parked, retried or due',
    ({ sql }) =>
      sql(
        'audit',
        `insert into ramet_dead_letters (id, subscriber, event_id, event, key, envelope, reason, error, stack_hash, attempts, first_failed_at, last_failed_at)
         values ('dl_1', 'audit', 'evt_1', 'orders.OrderPlaced', 'k', '{}', 'Internal', 'no', 'h', 8, 0, 0)`,
      ),
  ],
  [
    'a command that was not sent',
    'no dead letters, and nothing is parked, retried or due',
    ({ sql }) => sql('notifications', "insert into ramet_timers (id, kind, due_at, payload) values ('cmd_1', 'send', 0, '{}')"),
  ],
  ['a hole between positions', 'positions in every outbox are dense', ({ sql }) => sql('orders', 'delete from ramet_outbox where pos = 2')],
  [
    'a counter that is ahead',
    'positions in every outbox are dense',
    ({ sql }) => sql('shipping', 'update ramet_partitions set pos = pos + 1'),
  ],
  [
    'a mail that never came',
    'each order, return and pre-order that has ended has its mail, and no wrong one',
    ({ sql }) => sql('mail', `delete from messages where ${first('messages')}`),
  ],
  [
    'a mail of the wrong outcome',
    'each order, return and pre-order that has ended has its mail, and no wrong one',
    ({ sql, cancelled }) =>
      sql(
        'mail',
        `insert into messages (message_id, sender, recipients, subject, text, headers, received_at, raw)
         values ('<wrong@ramet.shop>', 's', '["ada@torture.example"]', 'Your order ${cancelled} is confirmed', '', '{}', '', x'')`,
      ),
  ],
  [
    'a second Message-ID',
    'one Message-ID per fact',
    ({ sql }) =>
      sql(
        'mail',
        `insert into messages (message_id, sender, recipients, subject, text, headers, received_at, raw)
         select '<second@ramet.shop>', sender, recipients, subject, text, headers, received_at, raw from messages where ${first('messages')}`,
      ),
  ],
  [
    'a saga that ended otherwise than its order',
    'each order has one saga: completed when confirmed, compensated when cancelled',
    ({ sql, confirmed }) => sql('orders', `update ramet_sagas set state = 'COMPENSATED' where business_key = '${confirmed}'`),
  ],
  [
    'a step that was not undone',
    'steps agree with their saga: all done, or all that may have been done undone',
    ({ sql }) => sql('orders', "update ramet_saga_steps set comp_state = null where comp_state = 'COMPENSATED' and name = 'charge card'"),
  ],
  [
    'a fourth attempt to undo',
    'steps agree with their saga: all done, or all that may have been done undone',
    ({ sql }) => sql('orders', "update ramet_saga_steps set comp_attempt = 4 where comp_state = 'COMPENSATED'"),
  ],
  [
    'a log with a step that never began',
    'the log of every saga is a legal path',
    ({ sql }) => sql('orders', "delete from ramet_saga_log where step = 'reserve stock' and became = 'STARTED'"),
  ],
  [
    'a saga that changed after its end',
    'the log of every saga is a legal path',
    ({ watched }) => watched.push('it changed after its end, saga saga_1'),
  ],
  [
    'a fence that says otherwise',
    'fences at the participants agree with the journal of the sagas',
    ({ sql }) => sql('shipping', "update ramet_fences set state = 'UNDONE' where state = 'DONE'"),
  ],
  [
    'an effect without its fence',
    'an effect is there if and only if its fence says so',
    ({ sql, confirmed }) => sql('shipping', `delete from shipments where order_id = '${confirmed}'`),
  ],
  [
    'a card number in a log',
    'card numbers are nowhere but at the provider',
    ({ history, lives }) =>
      appendFileSync(only(only(lives).logFiles), `{"level":"info","card":"${only(history.placements).body.card.number}"}\n`),
  ],
  [
    'a card number where an engine keeps its data',
    'card numbers are nowhere but at the provider',
    ({ engines, dataDir, history }) => {
      engines.push(join(dataDir, '..', 'engines'));
      mkdirSync(only(engines));
      writeFileSync(join(only(engines), '000000010000000000000001'), `before${only(history.placements).body.card.number}after`);
    },
  ],
  [
    'a card number in a database, in groups of four',
    'card numbers are nowhere but at the provider',
    ({ history, sql, cancelled }) =>
      sql(
        'orders',
        `update orders set reason = '${only(history.placements).body.card.number.replace(/(\d{4})(?=\d)/g, '$1 ')}' where order_id = '${cancelled}'`,
      ),
  ],
  [
    'an answer with 500',
    'no answer is wrong: beside the expected ones only 503 and 504',
    ({ history }) => history.exchanges.push(lost({ status: 500, error: undefined, body: { code: 'Internal' } })),
  ],
  [
    'a connection that broke for no reason',
    'no connection broke while the shop lived',
    ({ history, lives }) => {
      const readyMono = only(lives).readyMono ?? 0;
      history.exchanges.push(lost({ startedMono: readyMono + 1, sentMono: readyMono + 1, endedMono: readyMono + 2 }));
    },
  ],
  [
    'a request that was lost in a shutdown',
    'after SIGTERM every accepted request is answered, and the process ends in order',
    ({ history, lives }) => {
      const toldMono = only(lives).toldMono ?? 0;
      history.exchanges.push(lost({ startedMono: toldMono - 2, sentMono: toldMono - 1, endedMono: toldMono + 1 }));
    },
  ],
  [
    'a shutdown that ended badly',
    'after SIGTERM every accepted request is answered, and the process ends in order',
    ({ lives }) => void lives.splice(0, 1, { ...only(lives), code: 1 }),
  ],
  [
    'a shop that ended unexpectedly',
    'the shop ends only when it is stopped or killed',
    ({ lives }) =>
      void lives.splice(0, 1, { ...only(lives), planned: { kind: 'moment', afterReadyMs: 9_000 }, toldMono: undefined, code: 1 }),
  ],
  [
    'an error in the log',
    'the log names no error that is not explained',
    ({ lives }) => appendFileSync(only(only(lives).logFiles), '{"level":"error","msg":"a handler threw"}\n'),
  ],
  [
    'words beside the log',
    'the log names no error that is not explained',
    ({ lives }) => appendFileSync(only(only(lives).logFiles), 'Trace: something\n'),
  ],
  [
    'a process that did not come back',
    'the shop ends only when it is stopped or killed',
    ({ ill }) => void ill.push('not every process came back after the last fault'),
  ],
  [
    'an index that its server calls broken',
    'every database is sound',
    ({ unsound }) => void unsound.push('orders.orders_pkey: item order invariant violated'),
  ],
  [
    'a page that is broken',
    'every database is sound',
    ({ dataDir }) => {
      const file = openSync(join(dataDir, 'users.db'), 'r+');
      writeSync(file, Buffer.alloc(4_096, 0xff), 0, 4_096, 4_096 * 5);
      closeSync(file);
    },
  ],
];

describe('the verdict', () => {
  test('finds nothing wrong with a shop that was left in peace', () => {
    expect(Object.fromEntries(verdictOf(() => {}))).toEqual({});
    expect(clean.history.views).toHaveLength(KINDS.length);
  });

  test.each(TAMPERINGS)('sees %s', (_what, check, tamper) => {
    const found = verdictOf(tamper).get(check);
    expect(found).toBeDefined();
    expect(found?.join()).not.toContain('could not be examined');
  });

  test('requires no order between types where a bus promises none', () => {
    const tampered = (order: Evidence['order']) =>
      verdictOf((scene) => {
        scene.order = order;
        scene.sql('audit', `update entries set rowid = 1000000 where key = '${scene.confirmed}' and type = 'orders.OrderPlaced'`);
      });
    expect(tampered('key').size).toBe(1);
    expect(Object.fromEntries(tampered('key and type'))).toEqual({});
  });

  test('has no check that nothing here has set off', () => {
    expect(new Set(TAMPERINGS.map(([, check]) => check))).toEqual(new Set(CHECKS.map(({ name }) => name)));
  });
});

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, event } from '../contract/index.ts';
import { type ReactionOptions, type ServiceDefinition, service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { eventually, temporaryFolder } from './fixtures/start.fixture.ts';
import type { Runtime, StartOptions } from './options.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const Account = z.object({ account: z.string(), amount: z.int() });
const Bank = contract('bank', {
  commands: { pay: command({ input: Account }) },
  events: { Paid: event(Account, { key: 'account' }), Refunded: event(Account, { key: 'account' }) },
});
const Books = contract('books', {});
const bank = service(Bank, { store: sql<{}>({ migrations: {} }) }).implement({ commands: { pay: (input, { emit }) => emit.Paid(input) } });

interface Tables {
  entries: { book: string; account: string; amount: number };
}
type Book = { readonly name: string; readonly options?: ReactionOptions };
/** A service with a reaction for each of `books`; an amount in `broken` cannot be entered into the book of that name. */
const booksOf = (books: readonly Book[], broken: Map<string, number> = new Map()): ServiceDefinition =>
  service(Books, {
    store: sql<Tables>({
      migrations: { '0001_entries': 'create table entries (book text not null, account text not null, amount integer not null)' },
    }),
  }).implement({
    reactions: (on) =>
      books.map(({ name, options }) =>
        on(
          Bank.events.Paid,
          async ({ account, amount }, { db }) => {
            if (broken.get(name) === amount) throw new Error('unbalanced');
            await db.insertInto('entries').values({ book: name, account, amount }).execute();
          },
          options,
        ),
      ),
  });

const running: Runtime[] = [];
afterEach(async () => {
  for (const runtime of running.splice(0)) await runtime.stop();
});
const lines: string[] = [];
async function open(folder: string, books: ServiceDefinition, options: StartOptions = {}): Promise<Runtime> {
  const runtime = await start(
    topology({
      services: { bank: async () => ({ default: bank }), books: async () => ({ default: books }) },
      profiles: { monolith: { store: sqlite(folder), bus: embedded() } },
    }),
    { logLevel: 'warn', logTo: (line) => void lines.push(line), ...options },
  );
  running.push(runtime);
  return runtime;
}
const pay = async (runtime: Runtime, ...amounts: number[]) => {
  for (const amount of amounts) await runtime.client(Bank).pay({ account: 'a', amount });
};
const entriesOf = async (runtime: Runtime, book: string): Promise<number[]> => {
  const rows = await runtime.services
    .get('books')
    ?.store.reader.all<{ amount: number }>('select amount from entries where book = ? order by rowid', book);
  return (rows ?? []).map(({ amount }) => Number(amount));
};
const admin =
  (folder: string, runtime: Runtime) =>
  async (path: string, method: 'GET' | 'POST' = 'GET') => {
    const authorization = `Bearer ${readFileSync(join(folder, 'admin.token'), 'utf8').trim()}`;
    return (await fetch(`http://127.0.0.1:${runtime.adminPort}${path}`, { method, headers: { authorization } })).json() as Promise<any>;
  };

describe('subscriptions of one service', () => {
  test('where a reaction fails is in the log once, at its first failure, and is kept with the dead letter', async () => {
    using folder = temporaryFolder();
    lines.length = 0;
    const failing = service(Books, { store: sql<Tables>({ migrations: {} }) }).implement({
      reactions: (on) => [
        on(
          Bank.events.Paid,
          function enterIntoBook() {
            throw new Error('unbalanced', { cause: new TypeError('no such column') });
          },
          { attempts: 3 },
        ),
      ],
    });
    const runtime = await open(folder.path, failing, { admin: { port: 0, tokenFile: join(folder.path, 'admin.token') } });
    await pay(runtime, 1);
    const ask = admin(folder.path, runtime);
    const [letter] = await eventually(
      async () => (await ask('/dead-letters')).items as { stack: string; error: string }[],
      (letters) => letters.length === 1,
    );
    const told = lines.map((line) => JSON.parse(line)).filter(({ eventId }) => eventId !== undefined);
    expect(told.map(({ attempt, stack }) => [attempt, stack !== undefined])).toEqual([
      [1, true],
      [2, false],
      [3, true],
    ]);
    for (const stack of [told[0].stack, letter?.stack])
      expect(stack).toMatch(
        /Error: unbalanced\n\s+at enterIntoBook[\s\S]*subscriptions\.test\.ts[\s\S]*caused by TypeError: no such column/,
      );
    expect(letter?.error).toBe('Error: unbalanced');
  });

  test('two reactions to one event, in subscriptions of their own, each take it once, over a restart too', async () => {
    using folder = temporaryFolder();
    const books = [{ name: 'sums' }, { name: 'history', options: { subscription: 'history' } }];
    const first = await open(folder.path, booksOf(books));
    await pay(first, 1, 2, 3);
    for (const book of ['sums', 'history']) await eventually(async () => (await entriesOf(first, book)).length === 3);
    await first.stop();
    running.length = 0;
    const second = await open(folder.path, booksOf(books));
    await pay(second, 4);
    for (const book of ['sums', 'history']) await eventually(async () => (await entriesOf(second, book)).length === 4);
    expect([await entriesOf(second, 'sums'), await entriesOf(second, 'history')]).toEqual([
      [1, 2, 3, 4],
      [1, 2, 3, 4],
    ]);
    expect([...(second.services.get('books')?.consumers ?? [])].map(({ group }) => group)).toEqual(['books', 'books.history']);
  });

  test('a subscription that is new takes what was published before it', async () => {
    using folder = temporaryFolder();
    const first = await open(folder.path, booksOf([{ name: 'sums' }]));
    await pay(first, 1, 2);
    await eventually(async () => (await entriesOf(first, 'sums')).length === 2);
    await first.stop();
    running.length = 0;
    const second = await open(folder.path, booksOf([{ name: 'sums' }, { name: 'history', options: { subscription: 'history' } }]));
    await eventually(async () => (await entriesOf(second, 'history')).length === 2);
    expect(await entriesOf(second, 'sums')).toEqual([1, 2]);
  });

  test('what cannot be is refused at boot, all at once', async () => {
    using folder = temporaryFolder();
    const books = booksOf([
      { name: 'one' },
      { name: 'two', options: { poison: 'skip' } },
      { name: 'three', options: { subscription: 'Its Story', attempts: 0 } },
    ]);
    const failed = await open(folder.path, books).catch((error: { problems: string[] }) => error);
    expect((failed as { problems: string[] }).problems).toEqual([
      "service 'books': subscription 'Its Story': use lower-case letters, digits and hyphens",
      "service 'books': two reactions to 'bank.Paid' in subscription 'books'; join them, or give one of them its own 'subscription'",
      "service 'books': the reactions of subscription 'books' say 'park-key' and 'skip' for 'poison'; agree on one, or give the others their own 'subscription'",
      "service 'books', subscription 'books.Its Story': attempts: 0 is not a whole number from 1 to 1000",
    ]);
  });
});

describe('poison', () => {
  test("'attempts' limits the starts of one event; 'skip' continues with its key meanwhile and after", async () => {
    using folder = temporaryFolder();
    const broken = new Map([['sums', 1]]);
    const runtime = await open(folder.path, booksOf([{ name: 'sums', options: { poison: 'skip', attempts: 2 } }], broken), {
      admin: { port: 0, tokenFile: join(folder.path, 'admin.token') },
    });
    await pay(runtime, 1, 2, 3);
    await eventually(async () => (await entriesOf(runtime, 'sums')).length === 2);
    const ask = admin(folder.path, runtime);
    const { items } = await eventually(
      () => ask('/dead-letters'),
      (answer) => answer.items.length === 1,
    );
    expect(items).toMatchObject([{ subscriber: 'books', policy: 'skip', attempts: 2, error: 'Error: unbalanced' }]);
    expect((await runtime.health.health()).status).toBe(200);
    broken.clear();
    await ask(`/dead-letters/${items[0].id}/replay`, 'POST');
    await eventually(async () => (await entriesOf(runtime, 'sums')).length === 3);
  });

  test('a subscription that halts posts one alert, and health reports it until it is resumed', async () => {
    using folder = temporaryFolder();
    lines.length = 0;
    const alerts: any[] = [];
    const webhook = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        alerts.push({ ...JSON.parse(body), idempotencyKey: request.headers['idempotency-key'] });
        response.end();
      });
    });
    await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
    const options: StartOptions = {
      admin: { port: 0, tokenFile: join(folder.path, 'admin.token') },
      alertWebhook: `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/`,
    };
    const broken = new Map([['ledger', 2]]);
    const books = booksOf([{ name: 'sums' }, { name: 'ledger', options: { subscription: 'ledger', poison: 'halt', attempts: 2 } }], broken);
    try {
      const first = await open(folder.path, books, options);
      expect((await first.health.health()).body.checks).toMatchObject({ 'subscription:books.ledger': 'healthy' });
      await pay(first, 1, 2, 3);
      await eventually(async () => (await entriesOf(first, 'sums')).length === 3);
      await eventually(() => alerts.length === 1);
      expect(alerts[0]).toMatchObject({
        id: alerts[0].idempotencyKey,
        service: 'books',
        subscription: 'books.ledger',
        event: 'bank.Paid',
        key: 'a',
        reason: "subscription 'books.ledger' has halted at bank.Paid (a): Error: unbalanced",
      });
      expect(lines.some((line) => line.includes('"level":"error"') && line.includes('subscription_halted'))).toBe(true);
      await first.stop();
      running.length = 0;

      const second = await open(folder.path, books, options);
      expect((await second.health.health()).body).toMatchObject({
        status: 'degraded',
        checks: { 'subscription:books.ledger': 'unhealthy' },
      });
      expect((await second.health.ready()).status).toBe(200);
      await pay(second, 4);
      await eventually(async () => (await entriesOf(second, 'sums')).length === 4);
      expect(await entriesOf(second, 'ledger')).toEqual([1]);
      const ask = admin(folder.path, second);
      expect((await ask('/subscriptions')).items).toMatchObject([
        { subscription: 'books', poison: 'park-key', haltedAt: [] },
        { subscription: 'books.ledger', poison: 'halt', topics: ['bank.Paid'], haltedAt: [{ log: 'bank', error: 'Error: unbalanced' }] },
      ]);
      const [letter] = (await ask('/dead-letters')).items;
      expect(letter).toMatchObject({ subscriber: 'books.ledger', policy: 'halt', attempts: 2 });
      broken.clear();
      expect(await ask(`/dead-letters/${letter.id}/replay`, 'POST')).toEqual({ subscriber: 'books.ledger' });
      await eventually(async () => (await entriesOf(second, 'ledger')).length === 4);
      expect(await entriesOf(second, 'ledger')).toEqual([1, 2, 3, 4]);
      await eventually(async () => (await second.health.health()).status === 200);
      expect(alerts).toHaveLength(1);
    } finally {
      webhook.close();
    }
  });
});

import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, bodyOf, CARDS, type Customer, type RequestOptions } from '../harness/client.ts';
import { sendRaw } from './raw.ts';
import { smuggling } from './smuggling.ts';
import { expectProblem, orderIds, type Suite } from './suite.ts';

/** Where the one good order stands that each bad request differs from in one thing. */
interface Target {
  readonly customer: Customer;
  readonly sku: string;
}

const LONG = 1024 * 1024;
const address = { name: 'A', street: 'B', city: 'C', country: 'DE' };
const lines = (sku: unknown, quantity: unknown = 1) => [{ sku, quantity }];
const card = { number: CARDS.pays };

/** What does not fit the contract, and the field that the answer must name. */
const UNFIT: [string, (sku: string) => unknown, string][] = [
  ['no lines', () => ({ card }), 'lines'],
  ['lines of another type', () => ({ lines: 'all', card }), 'lines'],
  ['no line', () => ({ lines: [], card }), 'lines'],
  ['51 lines', (sku) => ({ lines: Array.from({ length: 51 }, () => ({ sku, quantity: 1 })), card }), 'lines'],
  ['a line that is none', () => ({ lines: [null], card }), 'lines.0'],
  ['a sku that is a number', () => ({ lines: lines(7), card }), 'lines.0.sku'],
  ['an empty sku', () => ({ lines: lines(''), card }), 'lines.0.sku'],
  ['a long sku', () => ({ lines: lines('x'.repeat(65)), card }), 'lines.0.sku'],
  ['a quantity as text', (sku) => ({ lines: lines(sku, '1'), card }), 'lines.0.quantity'],
  ['a quantity of 0', (sku) => ({ lines: lines(sku, 0), card }), 'lines.0.quantity'],
  ['a quantity below 0', (sku) => ({ lines: lines(sku, -1), card }), 'lines.0.quantity'],
  ['a quantity of 100', (sku) => ({ lines: lines(sku, 100), card }), 'lines.0.quantity'],
  ['half a quantity', (sku) => ({ lines: lines(sku, 0.5), card }), 'lines.0.quantity'],
  ['no quantity', (sku) => ({ lines: [{ sku }], card }), 'lines.0.quantity'],
  ['a quantity that is a list', (sku) => ({ lines: lines(sku, [1]), card }), 'lines.0.quantity'],
  ['a wrong second line', (sku) => ({ lines: [...lines(sku), { sku, quantity: true }], card }), 'lines.1.quantity'],
  ['no card', (sku) => ({ lines: lines(sku) }), 'card'],
  ['a card that is text', (sku) => ({ lines: lines(sku), card: CARDS.pays }), 'card'],
  ['a card number that is a number', (sku) => ({ lines: lines(sku), card: { number: 4242424242424242 } }), 'card.number'],
  ['a card number with letters', (sku) => ({ lines: lines(sku), card: { number: '4242x42424242424' } }), 'card.number'],
  ['half an address', (sku) => ({ lines: lines(sku), card, shipTo: { ...address, city: undefined } }), 'shipTo.city'],
  ['a country in small letters', (sku) => ({ lines: lines(sku), card, shipTo: { ...address, country: 'de' } }), 'shipTo.country'],
  ['a street longer than any', (sku) => ({ lines: lines(sku), card, shipTo: { ...address, street: 'x'.repeat(201) } }), 'shipTo.street'],
  ['an address that is null', (sku) => ({ lines: lines(sku), card, shipTo: null }), 'shipTo'],
];

/** Bodies that are not acceptable JSON. `GOOD` stands for the good order without its outer braces. */
const MALFORMED: [string, string | Buffer][] = [
  ['nothing', ''],
  ['half an object', '{"lines":'],
  ['a comma too many', '{GOOD,}'],
  ['something behind it', '{GOOD} {}'],
  ['single quotes', "{'lines': []}"],
  ['a comment', '{/* none */ GOOD}'],
  ['NaN', '{"lines":NaN}'],
  ['a list', '[{GOOD}]'],
  ['null', 'null'],
  ['text', '"order"'],
  ['a duplicate key', '{GOOD,"card":{"number":"4242424242424242"}}'],
  ['a duplicate key, one of them escaped', '{GOOD,"c\\u0061rd":{"number":"4242424242424242"}}'],
  ['__proto__', '{GOOD,"__proto__":{"scope":"admin"}}'],
  ['__proto__ escaped', '{GOOD,"\\u005f_proto__":{"scope":"admin"}}'],
  ['constructor.prototype', '{GOOD,"constructor":{"prototype":{"scope":"admin"}}}'],
  ['65 lists in each other', `{GOOD,"more":${'['.repeat(65)}${']'.repeat(65)}}`],
  ['100 000 lists in each other', `{GOOD,"more":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ['objects without end', '{"a":'.repeat(100_000)],
  ['200 000 values', `{GOOD,"more":[${'1,'.repeat(200_000)}1]}`],
  ['NUL', '{GOOD,"note":"a\\u0000b"}'],
  ['a bare control character', '{GOOD,"note":"a\u0001b"}'],
  ['half a surrogate pair', '{GOOD,"note":"\\ud800"}'],
  ['a number without end', '{GOOD,"note":1e999}'],
  ['a whole number that would arrive changed', '{GOOD,"note":9007199254740993}'],
  ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
  ['overlong UTF-8', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d])],
  ['UTF-16', Buffer.from('{"lines":[]}', 'utf16le')],
];

/** Whatever strangers send: it is refused as what it is, nothing is written, and the next request is answered. */
export function badInput(suite: Suite): void {
  describe('bad input', () => {
    let target: Target;
    let ordersBefore: string[];
    let chargesBefore: number;
    beforeAll(async () => {
      target = { customer: await suite.client.customer(), sku: suite.product().sku };
      // An order that stands, so that one that is written by mistake is seen beside it.
      const { orderId } = bodyOf(await target.customer.place({ lines: [{ sku: target.sku, quantity: 1 }], card }), 202);
      await target.customer.settled(orderId);
      ordersBefore = await orderIds(target.customer);
      chargesBefore = (await suite.client.charges(orderId)).length;
    });
    afterEach(async () => {
      expect((await suite.client.request('GET', '/livez')).status).toBe(200);
      expect(await orderIds(target.customer)).toEqual(ordersBefore);
      expect(await suite.client.charges(ordersBefore[0])).toHaveLength(chargesBefore);
    });

    const good = () => `"lines":[{"sku":"${target.sku}","quantity":1}],"card":{"number":"${CARDS.pays}"}`;
    const post = (body: unknown, more: RequestOptions = {}): Promise<Answer> =>
      suite.client.request('POST', '/api/orders', { token: target.customer.token, key: randomUUID(), body, ...more });

    describe('in an order', () => {
      test.each(UNFIT)('%s names its field', async (_, make, field) => {
        const problem = expectProblem(await post(make(target.sku)), 400, 'BadRequest');
        expect(problem.errors?.map(({ path }) => path)).toContain(field);
        for (const { message } of problem.errors ?? []) expect(message).toMatch(/./);
      });

      test('several wrong fields are all named', async () => {
        const problem = expectProblem(await post({ lines: lines(7, 'x'), card: {} }), 400, 'BadRequest');
        expect(problem.errors?.map(({ path }) => path).toSorted()).toEqual(['card.number', 'lines.0.quantity', 'lines.0.sku']);
      });

      test.each(MALFORMED)('%s is refused', async (_, body) => {
        expectProblem(await post(typeof body === 'string' ? body.replace('GOOD', good()) : body), 400);
      });

      test('more than a megabyte is refused with 413, with a length and without', async () => {
        const body = `{${good()},"note":"${'x'.repeat(LONG)}"}`;
        expectProblem(await post(body), 413, 'PayloadTooLarge');
        const chunk = `${(64 * 1024).toString(16)}\r\n${'x'.repeat(64 * 1024)}\r\n`;
        const head = `POST /api/orders HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${target.customer.token}\r\nidempotency-key: ${randomUUID()}\r\n`;
        const sent = await sendRaw(
          suite.shop.url,
          `${head}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(32)}0\r\n\r\n`,
        );
        expect(sent.statuses).toEqual([413]);
        const claimed = await sendRaw(suite.shop.url, `${head}content-type: application/json\r\ncontent-length: 999999999999\r\n\r\n{`);
        expect(claimed.statuses).toEqual([413]);
      });

      test.each([
        undefined,
        'text/plain',
        'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x',
        'text/json',
        'application/xml',
        'json',
        '',
      ])('content type %s is refused with 415', async (type) => {
        const { pathname, host } = new URL('/api/orders', suite.shop.url);
        const body = `{${good()}}`;
        const head = [
          `POST ${pathname} HTTP/1.1`,
          `host: ${host}`,
          'connection: close',
          `authorization: Bearer ${target.customer.token}`,
          `idempotency-key: ${randomUUID()}`,
          `content-length: ${body.length}`,
          ...(type === undefined ? [] : [`content-type: ${type}`]),
        ];
        const answer = await sendRaw(suite.shop.url, `${head.join('\r\n')}\r\n\r\n${body}`);
        expect(answer.statuses).toEqual([415]);
        expect(answer.text).toMatch(/^content-type: application\/problem\+json/im);
      });

      test('a body in another coding is refused, however it would read', async () => {
        const answer = await post(`{${good()}}`, { headers: { 'content-encoding': 'gzip' } });
        expectProblem(answer, 415, 'UnsupportedMediaType');
      });
    });

    test('a registration that does not fit names its fields and registers no customer', async () => {
      const email = `${randomUUID()}@example.test`;
      for (const [user, fields] of [
        [{}, ['email', 'name', 'password']],
        [{ email: 'not-an-address', password: 'long enough', name: 'N' }, ['email']],
        [{ email, password: 'short', name: 'N' }, ['password']],
        [{ email, password: 'x'.repeat(201), name: 'N' }, ['password']],
        [{ email, password: 'long enough', name: '   ' }, ['name']],
        [{ email: `${'x'.repeat(250)}@example.test`, password: 'long enough', name: 'N' }, ['email']],
        [{ email: [email], password: { length: 9 }, name: 1 }, ['email', 'name', 'password']],
      ] as const) {
        const problem = expectProblem(await suite.client.request('POST', '/api/users', { body: user }), 400, 'BadRequest');
        expect(problem.errors?.map(({ path }) => path).toSorted()).toEqual(fields);
      }
      expectProblem(await suite.client.logIn({ email, password: 'long enough' }), 401);
    });

    test('an address that is not served is 404', async () => {
      for (const path of [
        '/orders/x',
        '/api',
        '/api/',
        '/api/nothing',
        '/API/products',
        '/api/orders/',
        '/api/orders/x/y',
        '/index.htm',
        '/assets/nothing.js',
        '/favicon.ico',
        '/.env',
      ]) {
        expectProblem(await suite.client.request('GET', path, { token: target.customer.token }), 404, 'NotFound');
      }
    });

    test('a method that an address does not take is 405 and names those that it takes', async () => {
      for (const [method, path, allow] of [
        ['PUT', '/api/orders', ['GET', 'POST']],
        ['DELETE', '/api/orders', ['GET', 'POST']],
        ['PATCH', '/api/orders/ord_1', ['GET']],
        ['DELETE', '/api/orders/ord_1', ['GET']],
        ['GET', '/api/users', ['POST']],
        ['GET', '/api/sessions', ['POST']],
        ['POST', '/api/products', ['GET']],
        ['GET', '/api/orders/ord_1/cancel', ['POST']],
        ['POST', '/api/orders/ord_1/events', ['GET']],
        ['OPTIONS', '/api/orders', ['GET', 'POST']],
      ] as const) {
        const answer = await suite.client.request(method, path, { token: target.customer.token });
        expectProblem(answer, 405, 'MethodNotAllowed');
        expect(
          answer.headers.allow
            ?.split(', ')
            .filter((name) => name !== 'HEAD' && name !== 'OPTIONS')
            .toSorted(),
        ).toEqual(allow);
      }
    });

    test('a method that no route uses is refused', async () => {
      for (const method of ['TRACE', 'PROPFIND', 'PURGE', 'LOCK']) {
        const answer = await suite.client.request(method, '/api/orders', { token: target.customer.token });
        expect([400, 404, 405, 501]).toContain(answer.status);
        expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
      }
    });

    test('a path in disguise is refused, or led to its one spelling', async () => {
      for (const path of [
        '//api/orders',
        '/api//orders',
        '/api/./orders',
        '/api/../api/orders',
        '/api/orders/..',
        '/api/%2e/orders',
        '/api/%2e%2e/api/orders',
        '/api/.%2E/orders',
        '/api%2forders',
        '/api/orders%2F..%2Fproducts',
        '/api%5corders',
        '/api\\orders',
        '/api/orders;a=b',
        '/api/orders/%00',
        '/api/orders/%0d%0ax',
        '/api/orders/%ff',
        '/api/orders/%c0%af',
        '/api/orders/%zz',
        '/api/orders/%',
        '/api/orders#x',
        '/api/orders/<script>',
        '/%2561pi/orders/..',
      ]) {
        // The client library would write some of these otherwise.
        const answer = await sendRaw(
          suite.shop.url,
          `GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer ${target.customer.token}\r\n\r\n`,
        );
        expect(`${path} ${answer.statuses}`).toBe(`${path} 400`);
        expect(answer.text).toMatch(/^content-type: application\/problem\+json/im);
      }
      const moved = await suite.client.request('GET', '/%61pi/%6frders?limit=1', { token: target.customer.token });
      expect(moved).toMatchObject({ status: 308, headers: { location: '/api/orders?limit=1' } });
      expectProblem(
        await suite.client.request('POST', '/%61pi/orders', { token: target.customer.token, key: randomUUID(), body: {} }),
        400,
      );
      expectProblem(await suite.client.request('GET', '/%2561pi/orders', { token: target.customer.token }), 404);
    });

    test('a query that reads in two ways is refused', async () => {
      for (const query of [
        'limit=1&limit=2',
        'limit[]=1',
        'limit[$gt]=1',
        'limit=%00',
        'limit=%ff',
        'limit=%',
        '__proto__=1',
        `x=${'y'.repeat(9_000)}`,
      ]) {
        const answer = await suite.client.request('GET', `/api/orders?${query}`, { token: target.customer.token });
        expect(`${query} ${answer.status === 400 || answer.status === 200}`).toBe(`${query} true`);
        if (answer.status === 400) expectProblem(answer, 400);
        // What is ignored must be no name that we know.
        else expect(/^limit=/.test(query)).toBe(false);
      }
    });

    test('heads that are too large are refused', async () => {
      const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`x-header-${i}`, 'x']));
      for (const headers of [many, { 'x-large': 'x'.repeat(15_000) + 'y'.repeat(2_000) }, { 'x-larger': 'x'.repeat(100_000) }]) {
        const answer = await suite.client.request('GET', '/api/products', { headers }).catch(() => undefined);
        // A server need not read to the end what it refuses: the answer may be lost with the connection.
        if (answer) {
          expect([400, 431]).toContain(answer.status);
          expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
        }
      }
    });

    smuggling(suite, () => target);
  });
}

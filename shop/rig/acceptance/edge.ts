import { describe, expect, test } from 'vitest';
import { bodyOf, CARDS, ShopClient } from '../harness/client.ts';
import { openApiProblems } from './open-api.ts';
import { expectProblem, type Suite } from './suite.ts';

const OWN_PATHS = ['/livez', '/readyz', '/health', '/metrics', '/.well-known/jwks.json', '/openapi.json'];

export function edge(suite: Suite): void {
  describe('operators see', () => {
    test('that it lives, is ready and is well', async () => {
      expect(await suite.client.request('GET', '/livez')).toMatchObject({ status: 200, body: { status: 'alive' } });
      expect(await suite.client.request('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ready' } });
      const health = await suite.client.request<{ uptime: number; timestamp: string; checks: Record<string, string> }>('GET', '/health');
      expect(health).toMatchObject({ status: 200, body: { status: 'ok' } });
      expect(Object.keys(health.body).toSorted()).toEqual(['checks', 'status', 'timestamp', 'uptime']);
      expect(Math.abs(Date.parse(health.body.timestamp) - Date.now())).toBeLessThan(5_000);
      expect(health.body.uptime).toBeGreaterThan(0);
      // Its own databases, or those who have them.
      expect(Object.keys(health.body.checks).some((name) => /^(?:database|service):/.test(name))).toBe(true);
      expect(new Set(Object.values(health.body.checks))).toEqual(new Set(['healthy']));
    });

    test('how long requests take, by method, route and status', async () => {
      await suite.client.request('GET', '/api/products/NO-SUCH');
      const { status, headers, text } = await suite.client.request('GET', '/metrics');
      expect(status).toBe(200);
      expect(headers['content-type']).toMatch(/^text\/plain/);
      expect(text).toMatch(/^# TYPE http_request_duration_seconds histogram$/m);
      const buckets = [...text.matchAll(/^http_request_duration_seconds_bucket\{(.*)\} \d+$/gm)]
        .map(([, labels = '']) => labels)
        .filter((labels) => labels.includes('route="/api/products/{sku}"') && labels.includes('status_code="404"'));
      expect(buckets.every((labels) => labels.includes('method="GET"'))).toBe(true);
      expect(buckets.map((labels) => /le="([^"]+)"/.exec(labels)?.[1])).toEqual(['0.01', '0.05', '0.1', '0.25', '0.5', '1', '2.5', '+Inf']);
      expect(await suite.shop.metrics()).toMatch(/^active_orders_total \d+$/m);
      // An address that a stranger made up does not become a label.
      await suite.client.request('GET', '/api/no-such-route-4711');
      expect(bodyOf(await suite.client.request('GET', '/metrics'))).not.toContain('no-such-route-4711');
    });

    test('with which public keys tokens are signed, and no private part', async () => {
      const { keys } = bodyOf(await suite.client.request<{ keys: Record<string, unknown>[] }>('GET', '/.well-known/jwks.json'));
      expect(keys.length).toBeGreaterThan(0);
      for (const key of keys) {
        expect(key).toMatchObject({ kty: expect.any(String), kid: expect.any(String), use: 'sig', alg: expect.any(String) });
        for (const secret of ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k']) expect(key).not.toHaveProperty(secret);
      }
      const { token } = await suite.client.customer();
      const header = JSON.parse(Buffer.from(token.split('.')[0] as string, 'base64url').toString()) as { kid: string };
      expect(keys.map(({ kid }) => kid)).toContain(header.kid);
    });

    test('the whole interface as a valid OpenAPI document', async () => {
      const document = bodyOf(await suite.client.request<any>('GET', '/openapi.json'));
      expect(openApiProblems(document)).toEqual([]);
      const listed = Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
      );
      expect(listed).toEqual(
        expect.arrayContaining([
          'POST /api/users',
          'POST /api/sessions',
          'GET /api/products',
          'POST /api/orders',
          'GET /api/orders',
          'GET /api/orders/{orderId}',
          'GET /api/orders/{orderId}/events',
          'POST /api/orders/{orderId}/cancel',
          'GET /.well-known/jwks.json',
        ]),
      );
      // What it promises of answers is so.
      expect(Object.keys(document.paths['/api/orders'].post.responses)).toEqual(
        expect.arrayContaining(['202', '400', '401', '422', '429']),
      );
      expect(document.paths['/api/users'].post.responses).toHaveProperty('409');
      expect(document.paths['/api/products'].get.security).toEqual([]);
      expect(document.paths['/api/orders'].get.security).not.toEqual([]);
    });

    test('nothing of what is inside: no route leads to the operators’ interface or to a service’s own commands', async () => {
      const { token } = await suite.client.customer();
      for (const path of [
        '/call',
        '/sagas',
        '/dead-letters',
        '/admin',
        '/api/users/block',
        '/inventory/receive',
        '/analytics/summary',
        '/api/orders/x/confirm',
      ]) {
        for (const method of ['GET', 'POST']) {
          const answer = await suite.client.request(method, path, { token, body: method === 'POST' ? {} : undefined });
          expect([404, 405]).toContain(answer.status);
        }
      }
    });
  });

  describe('a correlation id', () => {
    test('is taken over, on success and on failure', async () => {
      for (const path of ['/api/products?limit=1', '/api/nothing', '/api/orders']) {
        const answer = await suite.client.request('GET', path, { headers: { 'x-correlation-id': 'test-4711.a:b_c' } });
        expect(answer.headers['x-correlation-id']).toBe('test-4711.a:b_c');
        if (answer.status >= 400) expect(answer.body).toMatchObject({ correlationId: 'test-4711.a:b_c' });
      }
    });

    test('is made where there is none, each time another', async () => {
      const ids = await Promise.all([1, 2].map(async () => (await suite.client.search({ limit: 1 })).headers['x-correlation-id']));
      expect(ids[0]).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
      expect(ids[1]).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
      expect(ids[0]).not.toBe(ids[1]);
    });

    test('that is malformed is not taken over', async () => {
      for (const id of ['with space', 'x'.repeat(129), '{"a":1}', '%0d%0a', '<script>']) {
        const answer = await suite.client.request('GET', '/api/products?limit=1', { headers: { 'x-correlation-id': id } });
        expect(answer.headers['x-correlation-id']).toMatch(/^[A-Za-z0-9._:-]{1,128}$/);
        expect(answer.headers['x-correlation-id']).not.toBe(id);
        expect(answer.status).toBe(200);
      }
    });

    test('goes with an order through the log, from the request to the services behind', async () => {
      const customer = await suite.client.customer();
      const id = `follow-${customer.userId}`;
      const order = { lines: [{ sku: suite.product().sku, quantity: 1 }], card: { number: CARDS.pays } };
      const { orderId } = bodyOf(await customer.place(order, undefined, { headers: { 'x-correlation-id': id } }), 202);
      await customer.settled(orderId);
      expect(suite.shop.output).toContain(id);
    });
  });

  describe('the limit of requests', () => {
    test('is 100 in 15 minutes for each client, then 429; what operators look at is never limited', async () => {
      await using shop = await suite.startShop({ env: { RATE_LIMIT: undefined } });
      const client = new ShopClient(shop);
      const customer = await client.customer();
      // Registering and logging in were two of them.
      for (let i = 2; i < 100; i++) {
        const answer = await client.search({ limit: 1 });
        expect(answer.status).toBe(200);
        expect(answer.headers).toMatchObject({ 'ratelimit-limit': '100', 'ratelimit-remaining': String(99 - i) });
      }
      const refused = await client.search({ limit: 1 });
      expectProblem(refused, 429, 'TooManyRequests');
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
      expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(900);
      // Logging in has a separate limit beside it, so a client that tries one account after the other does not escape.
      expectProblem(await client.logIn({ email: 'another@example.test', password: 'some password' }), 429);
      for (const path of OWN_PATHS) {
        const answers = await Promise.all(Array.from({ length: 20 }, () => client.request('GET', path)));
        expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
      }
      // A logged-in customer is counted by subject, not by the address that others share; and is counted.
      for (let i = 0; i < 100; i++) expect((await customer.orders({ limit: 1 })).status).toBe(200);
      expectProblem(await customer.orders({ limit: 1 }), 429);
      expectProblem(await customer.place({ lines: [{ sku: 'AUD-0001', quantity: 1 }], card: { number: CARDS.pays } }), 429);
      client.close();
    });
  });
}

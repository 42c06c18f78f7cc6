import { describe, expect, test } from 'vitest';
import { VirtualTime } from '../../rpc/virtual-time.fixture.ts';
import type { Registration } from '../index.ts';
import { type ConsulOptions, consul } from './index.ts';
import { ConsulDouble, silence } from './registry.fixture.ts';

const REGISTRATION: Registration = {
  id: 'orders_06gzqy9fa1y7b71a5n6r852t04',
  service: 'orders',
  endpoints: [{ protocol: 'mux', host: '10.0.0.5', port: 4001 }],
  tags: ['orders', 'blue'],
  healthUrl: 'http://10.0.0.5:4002/health',
};
const instance = (id: string, host = '10.0.0.5', port = 4001) => ({ id, endpoints: [{ protocol: 'mux', host, port }] });

function world(options: ConsulOptions = {}) {
  const time = new VirtualTime();
  const registry = new ConsulDouble(time.platform.timers);
  const errors: { error: Error; where: object }[] = [];
  const platform = { ...time.platform, http: registry.http };
  const discovery = consul('http://consul.internal:8500/', options).create({
    platform,
    onError: (error, where) => errors.push({ error: error as Error, where }),
  });
  /** Follows without waiting for time to pass. */
  const follow = async (...services: string[]) => {
    const followed = discovery.follow(services, 1_000);
    await time.pass(0);
    await followed;
  };
  const asked = (part: string) => registry.asked.filter(({ path }) => path.includes(part));
  return { time, registry, errors, discovery, follow, asked };
}

describe('registering with Consul', () => {
  test('sends exactly these fields', async () => {
    const { discovery, registry } = world();
    await discovery.register([REGISTRATION]);
    const { method, path, body } = registry.asked[0] as (typeof registry.asked)[0];
    expect(`${method} ${path}`).toBe('PUT /v1/agent/service/register?replace-existing-checks=true');
    expect(JSON.parse(body as string)).toEqual({
      Name: 'orders',
      ID: 'orders_06gzqy9fa1y7b71a5n6r852t04',
      Address: '10.0.0.5',
      Port: 4001,
      Tags: ['orders', 'blue'],
      Meta: { 'ramet-endpoint-mux': '10.0.0.5:4001' },
      Check: {
        HTTP: 'http://10.0.0.5:4002/health',
        Interval: '10s',
        Timeout: '5s',
        DeregisterCriticalServiceAfter: '1m',
        Status: 'passing',
      },
    });
  });

  test('registers all instances of a process or none', async () => {
    const { discovery, registry, time } = world();
    registry.intercept = (path, { body }) =>
      path.includes('/register') && body?.includes('"stock"') ? new Response('no', { status: 500 }) : undefined;
    await expect(discovery.register([REGISTRATION, { ...REGISTRATION, id: 'stock_1', service: 'stock' }])).rejects.toMatchObject({
      code: 'Unavailable',
      message: 'Consul at http://consul.internal:8500 answered 500: no [/v1/agent/service/register]',
    });
    await time.pass(0);
    expect(registry.ids).toEqual([]);
  });

  test('that timed out is taken back if it arrives later', async () => {
    const { discovery, registry, time } = world();
    registry.intercept = (path, request) => (path.includes('/register') ? silence(path, request) : undefined);
    const registering = discovery.register([REGISTRATION]).catch((error: Error) => error);
    await time.pass(5_000);
    expect(await registering).toMatchObject({ code: 'Unavailable', message: expect.stringContaining('no answer within 5000 ms') });
    await time.pass(0);
    registry.put('orders', REGISTRATION.id, '10.0.0.5', 4001);
    await time.pass(7_000);
    expect(registry.ids).toEqual([]);
  });

  test('is repeated when the agent has lost it, and only then', async () => {
    const { discovery, registry, time, asked } = world();
    await discovery.register([REGISTRATION]);
    await time.pass(60_000);
    expect(asked('/register')).toHaveLength(1);
    registry.remove(REGISTRATION.id);
    await time.pass(6_500);
    expect(registry.ids).toEqual([REGISTRATION.id]);
    await discovery.withdraw();
    await time.pass(60_000);
    expect(registry.ids).toEqual([]);
    expect(asked('/register')).toHaveLength(2);
  });

  test('is not repeated while the process takes it back', async () => {
    const { discovery, registry, time } = world();
    await discovery.register([REGISTRATION]);
    const slow = Promise.withResolvers<Response>();
    registry.intercept = (path, { method }) => (method === 'GET' && path.includes('/agent/service/') ? slow.promise : undefined);
    await time.pass(6_500);
    const withdrawn = discovery.withdraw();
    await time.pass(0);
    slow.resolve(new Response('', { status: 404 }));
    await withdrawn;
    await time.pass(10_000);
    expect(registry.ids).toEqual([]);
  });

  test('uses the token, and shows it nowhere', async () => {
    const { discovery, registry } = world({ token: { reveal: () => 'tok-secret' } });
    await discovery.register([REGISTRATION]);
    expect(registry.asked[0]?.headers).toMatchObject({ 'x-consul-token': 'tok-secret' });
    registry.intercept = () => new Response('Permission denied: token lacks service:write', { status: 403 });
    const error = await discovery.register([REGISTRATION]).catch((reason: Error) => reason);
    expect(error).toMatchObject({ code: 'Misconfigured', message: expect.stringContaining('give it a token whose policies allow this') });
    expect(JSON.stringify([error, String(error)])).not.toContain('tok-secret');
  });
});

describe('following a service in Consul', () => {
  test('waits for the next change instead of polling', async () => {
    const { registry, time, follow, discovery, asked } = world();
    registry.put('orders', 'a', '10.0.0.5', 4001);
    await follow('orders');
    expect(discovery.instances('orders')).toEqual([instance('a')]);
    await time.pass(10_000);
    expect(asked('/health/service/').map(({ path }) => path)).toEqual([
      '/v1/health/service/orders?passing=true',
      '/v1/health/service/orders?passing=true&index=11&wait=26250ms',
    ]);
    registry.put('orders', 'b', '10.0.0.6', 4001);
    await time.pass(0);
    expect(discovery.instances('orders')).toEqual([instance('a'), instance('b', '10.0.0.6')]);
  });

  test('starts again when the index goes backwards', async () => {
    const { registry, time, follow, asked } = world();
    registry.put('orders', 'a', '10.0.0.5', 4001);
    await follow('orders');
    await time.pass(150);
    registry.index = 2;
    registry.touch();
    await time.pass(300);
    expect(asked('/health/service/').map(({ path }) => /index=\d+/.exec(path)?.[0])).toEqual([undefined, 'index=11', undefined, 'index=3']);
  });

  test('starts again after a failure, and retries less and less often', async () => {
    const { registry, time, follow, asked, errors, discovery } = world();
    registry.put('orders', 'a', '10.0.0.5', 4001);
    await follow('orders');
    registry.fall();
    await time.pass(60_000);
    expect(errors.length).toBeGreaterThan(5);
    expect(errors.length).toBeLessThan(16);
    expect(errors[0]?.error.message).toBe(
      'Consul at http://consul.internal:8500 did not answer: connect ECONNREFUSED [/v1/health/service/orders]',
    );
    expect(errors[0]?.where).toEqual({ discovery: 'consul', service: 'orders' });
    expect(discovery.instances('orders')).toEqual([instance('a')]);
    registry.down = false;
    await time.pass(10_000);
    expect(asked('/health/service/').at(-2)?.path).toBe('/v1/health/service/orders?passing=true');
  });

  test('gives up on a Consul that holds the connection and never answers', async () => {
    const { registry, time, follow, errors, discovery } = world();
    registry.put('orders', 'a', '10.0.0.5', 4001);
    await follow('orders');
    registry.intercept = silence;
    registry.touch();
    await time.pass(40_000);
    expect(errors[0]?.error.message).toContain('no answer within');
    expect(discovery.instances('orders')).toEqual([instance('a')]);
  });

  test('does not keep two processes busy when Consul always answers at once', async () => {
    const { registry, time, follow, asked } = world();
    registry.intercept = () => new Response('[]', { headers: { 'x-consul-index': '7' } });
    await follow('orders');
    await time.pass(10_000);
    expect(asked('/health/service/').length).toBeLessThan(110);
  });

  test('keeps the known instances when the list is suddenly empty, but not forever', async () => {
    const { registry, time, follow, discovery } = world({ keep: '10m' });
    registry.put('orders', 'a', '10.0.0.5', 4001);
    await follow('orders');
    registry.remove('a');
    await time.pass(9 * 60_000);
    expect(discovery.instances('orders')).toEqual([instance('a')]);
    await time.pass(2 * 60_000);
    expect(discovery.instances('orders')).toEqual([]);
    registry.put('orders', 'b', '10.0.0.6', 4001);
    await time.pass(100);
    expect(discovery.instances('orders')).toEqual([instance('b', '10.0.0.6')]);
    registry.remove('b');
    await time.pass(9 * 60_000);
    expect(discovery.instances('orders')).toEqual([instance('b', '10.0.0.6')]);
  });

  test('excludes addresses that are not allowed, and reports each once', async () => {
    const { registry, time, follow, discovery, errors } = world();
    registry.put('orders', 'a', '10.0.0.5', 4001);
    registry.put('orders', 'evil', '169.254.169.254', 80);
    registry.put('orders', 'name', 'metadata.internal', 80);
    registry.put('orders', 'port', '10.0.0.6', 0);
    await follow('orders');
    await time.pass(90_000);
    registry.touch();
    await time.pass(1_000);
    expect(discovery.instances('orders')).toEqual([instance('a')]);
    expect(errors.map(({ error }) => error.message)).toEqual([
      expect.stringMatching(/^Consul at .* names an instance of 'orders' that is not called: 169\.254\.169\.254 is link-local/),
      expect.stringContaining("'metadata.internal' is not an IP address"),
      expect.stringContaining('0 is not a port'),
    ]);
  });

  test('finds the endpoints of an instance, without those that are not allowed', async () => {
    const { registry, follow, discovery, errors } = world();
    const at = (endpoints: Record<string, string>) =>
      Object.fromEntries(Object.entries(endpoints).map(([protocol, place]) => [`ramet-endpoint-${protocol}`, place]));
    registry.put('orders', 'a', '10.0.0.5', 4001, { ...at({ mux: '10.0.0.5:4001', http: '[fd12::5]:80' }), version: '3' });
    registry.put('orders', 'b', '10.0.0.6', 4001, at({ mux: '10.0.0.6:4001', http: '169.254.169.254:80', grpc: 'what?' }));
    await follow('orders');
    expect(discovery.instances('orders')).toEqual([
      {
        id: 'a',
        endpoints: [
          { protocol: 'mux', host: '10.0.0.5', port: 4001 },
          { protocol: 'http', host: 'fd12::5', port: 80 },
        ],
      },
      instance('b', '10.0.0.6'),
    ]);
    expect(errors).toHaveLength(2);
  });

  test('registers at its address the endpoint that releases with one transport call', async () => {
    const { discovery, registry } = world();
    const endpoints = [
      { protocol: 'http', host: '10.0.0.5', port: 80 },
      { protocol: 'mux', host: '10.0.0.5', port: 4001 },
    ];
    await discovery.register([{ ...REGISTRATION, endpoints }]);
    expect(JSON.parse(registry.asked[0]?.body as string)).toMatchObject({
      Address: '10.0.0.5',
      Port: 4001,
      Meta: { 'ramet-endpoint-http': '10.0.0.5:80', 'ramet-endpoint-mux': '10.0.0.5:4001' },
    });
  });

  test('keeps the known instances when no address of the new list is allowed', async () => {
    const { registry, time, follow, discovery } = world();
    registry.put('orders', 'a', '10.0.0.5', 4001);
    await follow('orders');
    registry.put('orders', 'a', '203.0.113.1', 4001);
    await time.pass(1_000);
    expect(discovery.instances('orders')).toEqual([instance('a')]);
  });

  test.each([
    [
      'no JSON',
      () => new Response('<html>', { headers: { 'x-consul-index': '3' } }),
      'answered with something other than a list of services',
    ],
    [
      'something else than a list',
      () => new Response('{}', { headers: { 'x-consul-index': '3' } }),
      'answered with something other than a list of services',
    ],
    ['no index', () => new Response('[]'), 'answered without an index: is it a Consul?'],
    ['a redirect', () => new Response('', { status: 301, headers: { location: 'http://169.254.169.254/' } }), 'answered 301'],
  ])('survives an answer that is %s', async (_, answer, message) => {
    const { registry, time, discovery, errors } = world();
    registry.intercept = answer;
    const followed = discovery.follow(['orders'], 100);
    await time.pass(100);
    await followed;
    expect(errors[0]?.error).toMatchObject({ code: 'Unavailable', message: expect.stringContaining(message) });
    expect(discovery.instances('orders')).toEqual([]);
  });

  test('ends with its process: no query, no timer stays', async () => {
    const { registry, time, follow, discovery, errors } = world();
    await discovery.register([REGISTRATION]);
    await follow('orders', 'stock');
    await time.pass(1_000);
    const timers = time.timers;
    expect(registry.waiting).toBe(2);
    await discovery.close();
    expect(registry.waiting).toBe(0);
    expect(timers).toBeGreaterThan(time.timers);
    const asked = registry.asked.length;
    await discovery.follow(['mail'], 1_000);
    await time.pass(600_000);
    expect(registry.asked.length).toBe(asked);
    expect(errors).toEqual([]);
  });

  test('finds only the services of its own prefix', async () => {
    const { registry, follow, discovery } = world({ prefix: 'shop-' });
    registry.put('orders', 'other', '10.0.0.9', 4001);
    registry.put('shop-orders', 'a', '10.0.0.5', 4001);
    await follow('orders');
    expect(discovery.instances('orders')).toEqual([instance('a')]);
  });
});

describe('the settings of Consul', () => {
  test.each(['consul.internal:8500', 'ftp://consul:8500', 'http://user:hunter2@consul:8500', 'http://consul:8500/v1', ''])(
    "are refused for '%s' as an agent, without repeating it",
    (url) => {
      expect(() => consul(url)).toThrow(
        /^consul: the URL of the agent is http:\/\/host:port or https:\/\/host:port; a token goes into 'token'$/,
      );
    },
  );

  test('are refused for a malformed range or duration', () => {
    expect(() => consul('http://127.0.0.1:8500', { allow: ['10.0.0.0/40'] })).toThrow("not a range of addresses: '10.0.0.0/40'");
    expect(() => consul('http://127.0.0.1:8500', { keep: 'long' as never })).toThrow("'long' is not a duration");
  });
});

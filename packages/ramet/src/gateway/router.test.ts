import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRouter } from './router.ts';

const segments = (path: string) => (path === '/' ? [] : path.slice(1).split('/'));

/** A router whose routes are their own patterns. */
const routerOf = (...routes: string[]) => {
  const router = createRouter<string>();
  for (const route of routes) {
    const [method, pattern] = route.split(' ') as [string, string];
    router.add(method, pattern, route);
  }
  return (request: string) => {
    const [method, path] = request.split(' ') as [string, string];
    const result = router.match(method, segments(path));
    if (result === undefined || 'allowed' in result) return result;
    return { route: result.route, params: { ...result.params } };
  };
};

describe('createRouter', () => {
  it('finds literals and gives parameters by name', () => {
    const match = routerOf('GET /', 'GET /orders', 'GET /orders/{orderId}/events/{eventId}');
    expect(match('GET /')).toEqual({ route: 'GET /', params: {} });
    expect(match('GET /orders')).toEqual({ route: 'GET /orders', params: {} });
    expect(match('GET /orders/o1/events/e1')).toMatchObject({ params: { orderId: 'o1', eventId: 'e1' } });
  });

  it('finds no route for longer, shorter and other paths', () => {
    const match = routerOf('GET /orders/{orderId}');
    for (const path of ['/', '/orders', '/orders/1/2', '/Orders/1', '/orders/']) expect(match(`GET ${path}`)).toBe(undefined);
  });

  it('prefers a literal to a parameter, from the left', () => {
    const match = routerOf('GET /{a}/b', 'GET /a/{b}', 'GET /orders/search', 'GET /orders/{id}');
    expect(match('GET /orders/search')).toMatchObject({ route: 'GET /orders/search' });
    expect(match('GET /orders/1')).toMatchObject({ route: 'GET /orders/{id}' });
    expect(match('GET /a/b')).toMatchObject({ route: 'GET /a/{b}', params: { b: 'b' } });
  });

  it('falls back to the parameter when the literal has no continuation', () => {
    const match = routerOf('GET /a/x/end', 'GET /{p}/{q}/other');
    expect(match('GET /a/x/other')).toEqual({ route: 'GET /{p}/{q}/other', params: { p: 'a', q: 'x' } });
  });

  it('does not let a literal of another method hide a route', () => {
    const match = routerOf('POST /orders/search', 'GET /orders/{id}');
    expect(match('GET /orders/search')).toMatchObject({ route: 'GET /orders/{id}', params: { id: 'search' } });
  });

  it('names the allowed methods of a path that it knows', () => {
    const match = routerOf('POST /orders', 'GET /orders', 'DELETE /{any}');
    expect(match('PUT /orders')).toEqual({ allowed: ['DELETE', 'GET', 'HEAD', 'POST'] });
  });

  it('answers HEAD with the route for GET, unless the pattern has its own', () => {
    expect(routerOf('GET /a')('HEAD /a')).toMatchObject({ route: 'GET /a' });
    expect(routerOf('GET /a', 'HEAD /a')('HEAD /a')).toMatchObject({ route: 'HEAD /a' });
    expect(routerOf('GET /a', 'HEAD /{x}')('HEAD /a')).toMatchObject({ route: 'GET /a' });
    expect(routerOf('POST /a')('HEAD /a')).toEqual({ allowed: ['POST'] });
  });

  it('takes routes after the first match', () => {
    const router = createRouter<number>();
    expect(router.match('GET', ['a'])).toBe(undefined);
    router.add('GET', '/a', 1);
    expect(router.match('GET', ['a'])).toMatchObject({ route: 1 });
  });

  it('names both routes that match the same paths', () => {
    expect(() => routerOf('GET /orders/{id}', 'GET /orders/{orderId}')).toThrow(
      'GET /orders/{orderId} and GET /orders/{id} match the same paths: keep one of them',
    );
    expect(() => routerOf('GET /orders/{id}', 'POST /orders/{orderId}', 'GET /orders/id')).not.toThrow();
  });

  it.each([
    '',
    'orders',
    '/orders/',
    '//',
    '/a//b',
    '/a/../b',
    '/a b',
    '/caf%C3%A9',
    '/{a}-{b}',
    '/x{a}',
    '/{a',
    '/{}',
    '/{a-b}',
    '/{*}',
    '/{prototype}',
  ])('refuses the pattern %j', (pattern) => {
    expect(() => createRouter().add('GET', pattern, 0)).toThrow(RangeError);
  });

  it('refuses a method in lower case and a repeated parameter', () => {
    expect(() => createRouter().add('get', '/', 0)).toThrow(RangeError);
    expect(() => createRouter().add('GET', '/{a}/{a}', 0)).toThrow('twice');
  });

  it('gives parameters on an object without a prototype', () => {
    const router = createRouter<number>();
    router.add('GET', '/{constructor}', 1);
    const result = router.match('GET', ['toString']);
    expect(result && 'params' in result && Object.getPrototypeOf(result.params)).toBe(null);
    expect(router.match('GET', ['__proto__'])).toMatchObject({ params: { constructor: '__proto__' } });
  });

  it('refuses patterns whose overlap would fill the memory', () => {
    const router = createRouter<number>();
    for (let i = 0; i < 20; i++) router.add('GET', `/${Array.from({ length: 20 }, (_, at) => (at === i ? 'x' : `{p${at}}`)).join('/')}`, i);
    expect(() => router.match('GET', ['x'])).toThrow(RangeError);
  });

  it('finds what a naive matcher finds', () => {
    const segment = fc.constantFrom('a', 'b', '{}');
    const method = fc.constantFrom('GET', 'HEAD', 'POST');
    const shapes = fc.uniqueArray(fc.tuple(method, fc.array(segment, { maxLength: 4 })), {
      selector: ([m, s]) => `${m} ${s.join('/')}`,
      maxLength: 20,
    });
    const request = fc.tuple(method, fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 4 }));
    fc.assert(
      fc.property(shapes, fc.array(request, { minLength: 1, maxLength: 10 }), (routes, requests) => {
        const router = createRouter<number>();
        for (const [i, [m, shape]] of routes.entries()) {
          router.add(m, `/${shape.map((s, at) => (s === '{}' ? `{r${i}_${at}}` : s)).join('/')}`, i);
        }
        for (const [m, path] of requests) {
          const result = router.match(m, path);
          const naive = naiveMatch(routes, m, path);
          if (naive === undefined) expect(result).toBe(undefined);
          else if (Array.isArray(naive)) expect(result).toEqual({ allowed: naive });
          else {
            const params = (routes[naive] as (typeof routes)[0])[1].flatMap((s, at) => (s === '{}' ? [[`r${naive}_${at}`, path[at]]] : []));
            expect(result).toMatchObject({ route: naive });
            expect({ ...(result as { params: object }).params }).toEqual(Object.fromEntries(params));
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

type Shapes = readonly (readonly [method: string, shape: readonly string[]])[];

/** Every route is compared with the path, and the one with the leftmost literals wins. */
function naiveMatch(routes: Shapes, method: string, path: readonly string[]): number | string[] | undefined {
  const fitting = routes
    .map(([m, shape], index) => ({ m, shape, index }))
    .filter(({ shape }) => shape.length === path.length && shape.every((s, at) => (s === '{}' ? path[at] !== '' : s === path[at])))
    .sort((a, b) => (key(a.shape) < key(b.shape) ? -1 : 1));
  if (fitting.length === 0) return undefined;
  const best = fitting.filter(({ m }) => m === method || (method === 'HEAD' && m === 'GET'));
  if (best.length === 0) {
    const allowed = new Set(fitting.flatMap(({ m }) => (m === 'GET' ? ['GET', 'HEAD'] : [m])));
    return [...allowed].sort();
  }
  const first = best[0] as (typeof best)[0];
  const own = best.find(({ m, shape }) => m === method && key(shape) === key(first.shape));
  return (own ?? first).index;
}

function key(shape: readonly string[]): string {
  return shape.map((s) => (s === '{}' ? '1' : '0')).join('');
}

import { ADMIN_ROUTES } from 'ramet/admin';
import { describe, expect, test } from 'vitest';
import { CARDS, eventually } from '../harness/client.ts';
import { openApiProblems } from './open-api.ts';
import type { Suite } from './suite.ts';

const LISTS = ['services', 'sagas', 'subscriptions', 'schedules', 'deadLetters', 'givenUp'] as const;

/** What operators get from a shop at work: the answers that the contract of the admin interface declares, in one process or in many. */
export function operators(suite: Suite): void {
  const ask = async (
    name: keyof typeof ADMIN_ROUTES,
    { id = '', query = '', body }: { id?: string; query?: string; body?: unknown } = {},
  ) => {
    const { method, path, output } = ADMIN_ROUTES[name];
    const answer = await suite.shop.admin(method, path.replace(':id', encodeURIComponent(id)) + query, body);
    expect(answer).toMatchObject({ status: 200 });
    expect(output.parse(answer.body)).toEqual(answer.body);
    return answer.body as any;
  };

  describe('the admin interface', () => {
    test.each(LISTS)('answers %s with a page as its contract says', async (name) => {
      const { items, unanswered } = await ask(name, { query: '?limit=200' });
      expect(unanswered).toBeUndefined();
      if (name === 'services' || name === 'subscriptions') expect(items.length).toBeGreaterThan(5);
    });

    test('shows each saga, and pages through all of them without a repetition', async () => {
      const customer = await suite.client.customer();
      const product = suite.product();
      for (let i = 0; i < 3; i++) {
        const { body } = await customer.place({ lines: [{ sku: product.sku, quantity: 1 }], card: { number: CARDS.pays } });
        await customer.settled(body.orderId);
      }
      const ids: string[] = [];
      let cursor: string | undefined = '';
      for (let page = 0; page < 3 && cursor !== undefined; page++) {
        const { items, next }: { items: { sagaId: string }[]; next?: string } = await ask('sagas', {
          query: `?limit=1${cursor && `&cursor=${cursor}`}`,
        });
        ids.push(...items.map(({ sagaId }) => sagaId));
        cursor = next;
      }
      expect(new Set(ids).size).toBe(3);
      for (const id of ids) expect(await ask('saga', { id })).toMatchObject({ sagaId: id });
    });

    test('calls a query of any service', async () => {
      const { value } = await ask('call', { body: { service: 'catalog', operation: 'search', input: { limit: 1 } } });
      expect(value).toBeTypeOf('object');
    });

    test('says how the process is', async () => {
      await eventually(
        () => ask('health'),
        ({ status }) => status === 'ok',
      );
    });

    test('describes itself in a valid OpenAPI document', async () => {
      const { body } = await suite.shop.admin('GET', '/openapi.json');
      expect(openApiProblems(body)).toEqual([]);
    });
  });
}

import { expect } from 'vitest';
import type { Case } from '../platform/cases.conformance.ts';
import { instanceOf, type OnDiscovery } from './fixture.conformance.ts';
import type { Registration } from './index.ts';

/** What is looked up, wherever it comes from. `known` has two instances of `orders` and one of `stock`. */
export function knownCases(it: Case, onDiscovery: OnDiscovery, known: readonly Registration[]): void {
  const orders = known.filter(({ service }) => service === 'orders').map(instanceOf);
  const stock = known.filter(({ service }) => service === 'stock').map(instanceOf);

  it(
    'every instance of a service is found with its endpoints, and none of another service',
    onDiscovery(async (fixture) => {
      const discovery = await fixture.following('orders', 'stock');
      await fixture.seen(discovery, 'orders', orders);
      await fixture.seen(discovery, 'stock', stock);
    }),
  );

  it(
    'ids are unique among the instances of all services',
    onDiscovery(async (fixture) => {
      const discovery = await fixture.following('orders', 'stock');
      await fixture.seen(discovery, 'orders', orders);
      const ids = [...discovery.instances('orders'), ...discovery.instances('stock')].map(({ id }) => id);
      expect(new Set(ids).size).toBe(3);
    }),
  );

  it(
    'a service without instances can be followed, and has none',
    onDiscovery(async (fixture) => {
      const discovery = await fixture.following('ghost', 'orders');
      expect(discovery.instances('ghost')).toEqual([]);
      await fixture.seen(discovery, 'orders', orders);
    }),
  );

  it(
    'the same array is given until something changes',
    onDiscovery(async (fixture) => {
      const discovery = await fixture.following('orders', 'ghost');
      await fixture.seen(discovery, 'orders', orders);
      const first = discovery.instances('orders');
      const none = discovery.instances('ghost');
      await fixture.platform.timers.sleep(300);
      expect(discovery.instances('orders')).toBe(first);
      expect(discovery.instances('ghost')).toBe(none);
    }),
  );

  it(
    'a service may be followed twice, and further ones later',
    onDiscovery(async (fixture) => {
      const discovery = fixture.process();
      await Promise.all([discovery.follow(['orders'], 5_000), discovery.follow(['orders'], 5_000)]);
      await discovery.follow(['orders', 'stock'], 5_000);
      await fixture.seen(discovery, 'orders', orders);
      await fixture.seen(discovery, 'stock', stock);
    }),
  );

  it(
    'it may be closed twice, at once and before it was used',
    onDiscovery(async (fixture) => {
      await fixture.process().close();
      const discovery = await fixture.following('orders');
      await Promise.all([discovery.close(), discovery.close()]);
      await discovery.close();
      // A late call is not kept waiting.
      await discovery.follow(['stock'], 5_000);
    }),
  );

  it(
    'what is known stays readable after the end',
    onDiscovery(async (fixture) => {
      const discovery = await fixture.following('orders');
      await fixture.seen(discovery, 'orders', orders);
      await discovery.close();
      await fixture.seen(discovery, 'orders', orders, 0);
    }),
  );
}

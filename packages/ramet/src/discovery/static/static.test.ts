import { describe, expect, test } from 'vitest';
import { realPlatform } from '../../platform/index.ts';
import { discoveryConformance } from '../conformance.ts';
import { STATIC_CAPABILITIES, staticAddresses } from './static.ts';

discoveryConformance('static', {
  capabilities: STATIC_CAPABILITIES,
  place: async (known) => {
    const platform = realPlatform();
    const services = [...new Set(known.map(({ service }) => service))];
    const addresses = Object.fromEntries(
      services.map((service) => [service, known.filter((one) => one.service === service).map(({ host, port }) => `${host}:${port}`)]),
    );
    return {
      platform,
      discovery: (onError) => staticAddresses(addresses).create({ platform, onError }),
      dispose: async () => {},
    };
  },
});

function open(addresses: Record<string, string[]>) {
  const told: unknown[] = [];
  const discovery = staticAddresses(addresses).create({ platform: realPlatform(), onError: (error) => told.push(error) });
  return { discovery, told };
}

describe('addresses of a topology', () => {
  test('are known at once, IPv6 and names too', () => {
    const { discovery } = open({ orders: ['127.0.0.1:4001', '[::1]:4002', 'orders.internal:4003'] });
    expect(discovery.instances('orders')).toEqual([
      { id: 'orders@127.0.0.1:4001', host: '127.0.0.1', port: 4001 },
      { id: 'orders@[::1]:4002', host: '::1', port: 4002 },
      { id: 'orders@orders.internal:4003', host: 'orders.internal', port: 4003 },
    ]);
  });

  test('have different ids for two services at one address', () => {
    const { discovery } = open({ orders: ['127.0.0.1:4001'], stock: ['127.0.0.1:4001'] });
    expect(discovery.instances('orders')[0]?.id).not.toBe(discovery.instances('stock')[0]?.id);
  });

  test('that are none are named all at once', () => {
    const addresses = {
      orders: ['127.0.0.1', '127.0.0.1:4001', '127.0.0.1:4001'],
      stock: ['http://127.0.0.1:4001', '127.0.0.1:70000', '::1:4001'],
    };
    expect(() => staticAddresses(addresses)).toThrow(
      "staticAddresses: '127.0.0.1' of 'orders' is no address: write host:port, as in 10.0.0.5:4001; " +
        "'http://127.0.0.1:4001' of 'stock' is no address: write host:port, as in 10.0.0.5:4001; " +
        "'127.0.0.1:70000' of 'stock' is no address: write host:port, as in 10.0.0.5:4001; " +
        "'::1:4001' of 'stock' is no address: write host:port, as in 10.0.0.5:4001; " +
        "'orders@127.0.0.1:4001' of 'orders' stands twice",
    );
  });

  test('that are missing for a service that is called are told, not fatal', async () => {
    const { discovery, told } = open({ orders: ['127.0.0.1:4001'] });
    await discovery.follow(['orders', 'stock'], 100);
    expect(discovery.instances('stock')).toEqual([]);
    expect(told).toEqual([expect.objectContaining({ code: 'Unavailable', message: expect.stringContaining("no address of 'stock'") })]);
  });
});

import { describe, expect, test } from 'vitest';
import { realPlatform } from '../../platform/index.ts';
import { discoveryConformance } from '../conformance.ts';
import { capabilities, type StaticAddress, staticAddresses } from './static.ts';

discoveryConformance('static', {
  capabilities,
  place: async (known) => {
    const platform = realPlatform();
    const services = [...new Set(known.map(({ service }) => service))];
    const addresses = Object.fromEntries(
      services.map((service) => [
        service,
        known
          .filter((one) => one.service === service)
          .map(({ endpoints }) => endpoints.map(({ protocol, host, port }) => `${protocol}://${host}:${port}`)),
      ]),
    );
    return {
      platform,
      discovery: (onError) => staticAddresses(addresses).create({ platform, onError }),
      dispose: async () => {},
    };
  },
});

function open(addresses: Record<string, StaticAddress[]>) {
  const told: unknown[] = [];
  const discovery = staticAddresses(addresses).create({ platform: realPlatform(), onError: (error) => told.push(error) });
  return { discovery, told };
}

describe('addresses of a topology', () => {
  test('are known at once, IPv6 and names too', () => {
    const { discovery } = open({ orders: ['127.0.0.1:4001', '[::1]:4002', 'orders.internal:4003'] });
    expect(discovery.instances('orders')).toEqual([
      { id: 'orders@127.0.0.1:4001', endpoints: [{ protocol: 'mux', host: '127.0.0.1', port: 4001 }] },
      { id: 'orders@[::1]:4002', endpoints: [{ protocol: 'mux', host: '::1', port: 4002 }] },
      { id: 'orders@orders.internal:4003', endpoints: [{ protocol: 'mux', host: 'orders.internal', port: 4003 }] },
    ]);
  });

  test('name their protocol where it is not mux, and one instance may have several', () => {
    const { discovery } = open({ orders: ['http://10.0.0.5:80', ['10.0.0.6:4001', 'grpc://[::1]:4002']] });
    expect(discovery.instances('orders')).toEqual([
      { id: 'orders@10.0.0.5:80', endpoints: [{ protocol: 'http', host: '10.0.0.5', port: 80 }] },
      {
        id: 'orders@10.0.0.6:4001',
        endpoints: [
          { protocol: 'mux', host: '10.0.0.6', port: 4001 },
          { protocol: 'grpc', host: '::1', port: 4002 },
        ],
      },
    ]);
  });

  test('have different ids for two services at one address', () => {
    const { discovery } = open({ orders: ['127.0.0.1:4001'], stock: ['127.0.0.1:4001'] });
    expect(discovery.instances('orders')[0]?.id).not.toBe(discovery.instances('stock')[0]?.id);
  });

  test('that are none are named all at once', () => {
    const addresses = {
      orders: ['127.0.0.1', '127.0.0.1:4001', '127.0.0.1:4001'],
      stock: ['http://127.0.0.1:4001/v1', '127.0.0.1:70000', '::1:4001', []],
    };
    expect(() => staticAddresses(addresses)).toThrow(
      "staticAddresses: '127.0.0.1' of 'orders' is not an address: write host:port, as in 10.0.0.5:4001; " +
        "'http://127.0.0.1:4001/v1' of 'stock' is not an address: write host:port, as in 10.0.0.5:4001; " +
        "'127.0.0.1:70000' of 'stock' is not an address: write host:port, as in 10.0.0.5:4001; " +
        "'::1:4001' of 'stock' is not an address: write host:port, as in 10.0.0.5:4001; " +
        "an instance of 'stock' has no address; " +
        "'orders@127.0.0.1:4001' of 'orders' is listed twice",
    );
  });

  test('that are missing for a called service are reported, and not fatal', async () => {
    const { discovery, told } = open({ orders: ['127.0.0.1:4001'] });
    await discovery.follow(['orders', 'stock'], 100);
    expect(discovery.instances('stock')).toEqual([]);
    expect(told).toEqual([expect.objectContaining({ code: 'Unavailable', message: expect.stringContaining("no address of 'stock'") })]);
  });
});

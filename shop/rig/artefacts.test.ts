import { join } from 'node:path';
import { type Deployment, deploymentOf, readConfig } from '@ramet/deploy';
import { beforeAll, expect, test } from 'vitest';

/* What each process of the shop would be deployed with. Nothing is started. */
const services = [
  'analytics',
  'audit',
  'catalog',
  'inventory',
  'notifications',
  'orders',
  'payments',
  'preorders',
  'returns',
  'shipping',
  'users',
];
const watched = ['orders', 'payments', 'web'];

let deployment: Deployment;
beforeAll(async () => {
  deployment = await deploymentOf({
    topologyFile: join(import.meta.dirname, '../app/topology.ts'),
    profile: 'services',
    config: readConfig(undefined),
    // Addresses at which no server is called: a profile only needs to have them.
    env: { KAFKA_BROKERS: 'kafka:9092', CONSUL_URL: 'http://consul:8500' },
    conditions: ['ramet-source'],
    only: watched,
  });
  // Five programs are loaded, one after another.
}, 240_000);

const files = (process: string) => deployment.processes.find(({ name }) => name === process)?.trace.files ?? [];

test('a process of the shop holds its own services, contracts of others, and nothing else of them', () => {
  for (const process of watched) {
    const foreign = files(process).filter((file) => {
      const [, owner] = /^shop\/services\/([^/]+)\//.exec(file) ?? [];
      return owner !== undefined && owner !== process && file !== `shop/app/services/${owner}/contract.ts`;
    });
    expect(foreign, process).toEqual([]);
  }
  expect(files('orders')).toEqual(
    expect.arrayContaining(['shop/app/services/orders/service.ts', 'shop/app/services/orders/migrations/0001_create_orders.sql']),
  );
});

test('the web site is with the gateway that serves it, and with no one else', () => {
  const hasSite = (process: string) => files(process).some((file) => file === 'shop/app/storefront/dist/index.html');
  expect(watched.filter(hasSite)).toEqual(['web']);
});

test('no process takes tests, the simulator, the seed or the other processes of the shop along', () => {
  const unwanted =
    /\.(test|fixture|conformance)\.ts$|\/(simulation|torture|acceptance|harness|fleet|provider|mail)\/|seed\.ts$|\/deploy\/(?!serve\.ts)/;
  for (const process of watched)
    expect(
      files(process).filter((file) => unwanted.test(file)),
      process,
    ).toEqual([]);
});

test('a process has only the packages that it loads', () => {
  const has = (process: string, name: string) =>
    deployment.processes.find((one) => one.name === process)?.trace.scopes.some(({ dependencies }) => name in dependencies);
  expect([has('orders', 'pg'), has('orders', '@platformatic/kafka'), has('orders', 'nodemailer'), has('orders', 'yaml')]).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect(services.some((name) => deployment.graph[name] === undefined)).toBe(false);
});

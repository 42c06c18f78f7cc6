import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { type Built, optionsOf } from './serve.ts';

/* The environment of an artefact, read into the options of its start. */

const built = (folder: string, more: Partial<Built> = {}): Built => ({
  profile: 'services',
  version: '1.2.3',
  gateways: ['web', 'mobile-app'],
  graph: pathToFileURL(join(folder, 'graph.json')),
  ...more,
});

test('a process without others reads its ports and settings, and what is not set stays at its default', () => {
  using folder = temporaryFolder();
  const variables = { PORT_WEB: '3000', PORT_MOBILE_APP: '3001', DRAIN_DELAY_MS: '5000', BOOT_WAIT_MS: '90000', SHARE_PORTS: 'true' };
  expect(optionsOf(built(folder.path), variables)).toMatchObject({
    name: 'services',
    version: '1.2.3',
    env: 'development',
    ports: { web: 3000, 'mobile-app': 3001 },
    drainDelayMs: 5_000,
    bootWait: '90000ms',
    sharePorts: true,
  });
  expect(optionsOf(built(folder.path, { gateways: ['web'] }), { PORT: '80' }).ports).toEqual({ web: 80 });
});

test('a process beside others reads the declared graph, its key and the public keys of all', () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.path, 'secrets'));
  writeFileSync(join(folder.path, 'secrets', 'identity-key'), 'a key');
  writeFileSync(join(folder.path, 'graph.json'), '{"orders":["payments"]}');
  writeFileSync(join(folder.path, 'identities.json'), '{"orders":["public"]}');
  const variables = {
    SECRETS_DIR: join(folder.path, 'secrets'),
    IDENTITIES_FILE: join(folder.path, 'identities.json'),
    RPC_PORT: '4000',
    ADVERTISE_HOST: '10.0.0.7',
  };
  const { identity, ...options } = optionsOf(built(folder.path, { process: 'orders' }), variables);
  expect(options).toMatchObject({ process: 'orders', rpcPort: 4_000, advertise: { host: '10.0.0.7' }, graph: { orders: ['payments'] } });
  expect(identity?.publicKeys).toEqual({ orders: ['public'] });
});

test('everything that is wrong is reported at once', () => {
  using folder = temporaryFolder();
  const variables = { PORT_WEB: 'high', SHARE_PORTS: 'yes', DRAIN_DELAY_MS: '-1', SECRETS_DIR: folder.path };
  const failed = (() => {
    try {
      return optionsOf(built(folder.path, { process: 'orders' }), variables);
    } catch (error) {
      return (error as Error).message;
    }
  })();
  for (const problem of [
    "PORT_WEB is 'high'",
    "SHARE_PORTS is 'yes'",
    "DRAIN_DELAY_MS is '-1'",
    'IDENTITIES_FILE is not set',
    'identity-key',
    'graph',
  ])
    expect(failed).toContain(problem);
});

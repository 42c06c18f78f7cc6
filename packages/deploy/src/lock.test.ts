import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Lock, pruneLock } from './lock.ts';

const lock: Lock = {
  lockfileVersion: 3,
  packages: {
    '': { name: 'project', version: '1.0.0' },
    'node_modules/server': {
      version: '2.0.0',
      integrity: 'sha512-server',
      dependencies: { json: '^1.0.0', shared: '^1.0.0' },
      optionalDependencies: { native: '^1.0.0' },
      peerDependencies: { peer: '>=1', tool: '*' },
      peerDependenciesMeta: { tool: { optional: true } },
    },
    'node_modules/server/node_modules/json': { version: '1.5.0', dependencies: { shared: '^1.0.0' } },
    'node_modules/json': { version: '3.0.0' },
    'node_modules/shared': { version: '1.1.0', dev: true },
    'node_modules/native': { version: '1.0.0', optional: true, os: ['linux'] },
    'node_modules/peer': { version: '1.0.0', peer: true },
    'node_modules/tool': { version: '9.0.0', dev: true },
    'node_modules/unused': { version: '4.0.0' },
    'node_modules/own': { resolved: 'packages/own', link: true },
    'node_modules/other': { resolved: 'packages/other', link: true },
    'packages/own': { name: 'own', version: '1.0.0', dependencies: { server: '^2.0.0', unused: '^4.0.0' } },
    'packages/other': { name: 'other', version: '1.0.0' },
  },
};

test('a lock keeps what an artefact needs, with what that needs, and nothing else', () => {
  const pruned = pruneLock(
    lock,
    new Map<string, { name: string; version: string; dependencies: Record<string, string> }>([
      ['', { name: 'orders', version: '7.0.0', dependencies: {} }],
      ['packages/own', { name: 'own', version: '1.0.0', dependencies: { server: '2.0.0' } }],
    ]),
  );
  expect(pruned).toMatchObject({ name: 'orders', version: '7.0.0', lockfileVersion: 3 });
  expect(Object.keys(pruned.packages)).toEqual([
    '',
    'node_modules/native',
    'node_modules/own',
    'node_modules/peer',
    'node_modules/server',
    'node_modules/server/node_modules/json',
    'node_modules/shared',
    'packages/own',
  ]);
  expect(pruned.packages['node_modules/server']).toEqual(lock.packages['node_modules/server']);
  expect(pruned.packages['packages/own']).toEqual({ name: 'own', version: '1.0.0', dependencies: { server: '2.0.0' } });
});

test('what the project has for its development only is installed where the artefact needs it', () => {
  const { packages } = pruneLock(lock, new Map([['', { dependencies: { shared: '1.1.0', native: '1.0.0' } }]]));
  expect(packages['node_modules/shared']).toEqual({ version: '1.1.0' });
  expect(packages['node_modules/native']).toEqual({ version: '1.0.0', os: ['linux'] });
});

test('in the lock of this repository every package finds what it needs', () => {
  const real = JSON.parse(readFileSync(new URL('../../../package-lock.json', import.meta.url), 'utf8')) as Lock;
  const { packages } = pruneLock(
    real,
    new Map([
      ['', { dependencies: { pino: '', undici: '', '@opentelemetry/sdk-metrics': '', pg: '', '@platformatic/kafka': '', zod: '' } }],
    ]),
  );
  for (const [path, { dependencies = {} }] of Object.entries(packages)) {
    for (const name of Object.keys(dependencies)) {
      const places = [path, ...path.split('/node_modules/').map((_, at, all) => all.slice(0, at).join('/node_modules/'))];
      const found = places.some((place) => (place === '' ? `node_modules/${name}` : `${place}/node_modules/${name}`) in packages);
      expect(found, `${name} of ${path}`).toBe(true);
    }
  }
  expect(Object.keys(packages).length).toBeGreaterThan(20);
});

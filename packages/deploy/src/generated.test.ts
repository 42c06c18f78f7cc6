import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { checkConfig } from './config.ts';
import { type Deployment, deploymentOf } from './deployment.ts';
import { dockerfiles } from './docker.ts';
import { project, scratch } from './fixtures/project.fixture.ts';
import { headerOf, writeGenerated } from './generated.ts';
import { pipelines } from './pipelines.ts';

const config = checkConfig({ name: 'tiny', env: { PEERS: '{}' } }, 'deploy.yaml');
let root: string;
let deployment: Deployment;
beforeAll(async () => {
  root = project();
  const from = { topologyFile: join(root, 'topology.ts'), conditions: ['ramet-source'] };
  deployment = await deploymentOf({ ...from, profile: 'services', config, version: '7.1.0' });
}, 240_000);

describe('a Dockerfile', () => {
  const lines = (process: string) => (dockerfiles(deployment).get(`${process}.Dockerfile`) ?? '').split('\n');
  const value = (process: string, instruction: string) =>
    lines(process).flatMap((line) => (line.startsWith(`${instruction} `) ? [line.slice(instruction.length + 1)] : []));

  test('makes its image in two stages of which the last has no npm, and every base has its version', () => {
    expect(value('orders', 'FROM')).toEqual(['node:24.21.0-bookworm-slim AS packages', 'gcr.io/distroless/cc-debian12:nonroot']);
    const last = lines('orders').slice(lines('orders').findLastIndex((line) => line.startsWith('FROM')));
    expect(last.filter((line) => line.startsWith('RUN'))).toEqual([]);
    expect(last).toContain('COPY --from=packages /usr/local/bin/node /usr/local/bin/node');
  });

  test('runs as an unprivileged user, by number, ends on SIGTERM, and starts the artefact without a shell', () => {
    expect(value('orders', 'USER')).toEqual(['65532:65532']);
    expect(value('orders', 'STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(JSON.parse(value('orders', 'ENTRYPOINT')[0] ?? '')).toEqual(['/usr/local/bin/node', '-C', 'ramet-source', 'ramet.main.mjs']);
  });

  test('opens the ports that its process listens on, and configures them', () => {
    expect([value('orders', 'EXPOSE'), value('web', 'EXPOSE')]).toEqual([['7000 9090'], ['7000 9090 8080']]);
    expect(value('web', 'ENV')).toEqual(['NODE_ENV=production RPC_PORT=7000 PROBES_PORT=9090 PORT=8080']);
  });

  test('installs what a lock file says where there is one', async () => {
    expect(lines('orders')).toContain('RUN npm install --omit=dev --ignore-scripts --no-audit --no-fund');
    const locked = project({ 'package-lock.json': JSON.stringify({ lockfileVersion: 3, packages: {} }) });
    const from = { topologyFile: join(locked, 'topology.ts'), conditions: ['ramet-source'] };
    const text = dockerfiles(await deploymentOf({ ...from, profile: 'services', config, only: ['orders'] })).get('orders.Dockerfile');
    expect(text).toContain('COPY package.json package-lock.json ./\nRUN npm ci --omit=dev');
  });
});

describe('a pipeline', () => {
  const options = { command: 'npx ramet', config: 'deploy.yaml', contracts: 'contracts', dockerfiles: 'deploy' };
  const pipeline = (process: string) => parse(pipelines(deployment, options).get(`tiny-${process}.yml`) ?? '');

  test('runs when a file of its process changed, and not when one of another did', () => {
    const { paths } = pipeline('orders').on.pull_request;
    expect(paths).toEqual(['package.json', 'profiles.ts', 'services/orders/**', 'services/payments/contract.ts', 'topology.ts']);
    expect(pipeline('orders').on.push).toEqual({ branches: ['main'], paths });
    expect(pipeline('web').on.push.paths).not.toContain('services/payments/contract.ts');
  });

  test('tests and builds what is its own', () => {
    const { steps } = pipeline('orders').jobs.orders;
    expect(steps.flatMap(({ run }: { run?: string }) => (run === undefined ? [] : [run]))).toEqual([
      'npm install',
      'npm test -- services/orders',
      'npx ramet contracts orders --against contracts/orders.json',
      'npx ramet build orders --profile services --config deploy.yaml --out build/orders',
      'docker build -t tiny-orders:7.1.0 -f deploy/orders.Dockerfile build/orders',
    ]);
  });
});

describe('generated files', () => {
  const of = (names: string[]) => new Map(names.map((name) => [name, `${headerOf('ci', 'services')}name: ${name}\n`]));

  test('replace those of before, and take away what is not made any more', () => {
    const out = join(scratch(), 'ci');
    writeGenerated('ci', of(['a.yml', 'b.yml']), out);
    writeFileSync(join(out, 'mine.yml'), 'name: mine\n');
    writeFileSync(join(out, 'manifest.yml'), headerOf('kubernetes', 'services'));
    writeGenerated('ci', of(['b.yml', 'c.yml']), out);
    expect(readdirSync(out).sort()).toEqual(['b.yml', 'c.yml', 'manifest.yml', 'mine.yml']);
  });

  test('never replace a file that a person wrote', () => {
    const out = join(scratch(), 'ci');
    mkdirSync(out);
    writeFileSync(join(out, 'a.yml'), 'name: mine\n');
    expect(() => writeGenerated('ci', of(['a.yml', 'b.yml']), out)).toThrow('a.yml was not generated');
    expect([readFileSync(join(out, 'a.yml'), 'utf8'), existsSync(join(out, 'b.yml'))]).toEqual(['name: mine\n', false]);
  });
});

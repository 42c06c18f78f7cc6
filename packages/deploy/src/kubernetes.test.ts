import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { checkConfig } from './config.ts';
import { type Deployment, deploymentOf, warningsOf } from './deployment.ts';
import { project } from './fixtures/project.fixture.ts';
import type { Generated } from './generated.ts';
import { manifests } from './kubernetes.ts';

const config = checkConfig(
  {
    name: 'tiny',
    namespace: 'shops',
    createNamespace: true,
    image: 'registry.example/{name}/{process}:{version}',
    env: { PEERS: '{}' },
    engines: {
      postgres: { port: 5432, cidr: '10.1.2.3/32', for: 'services' },
      consul: { port: [8500, 8502], namespace: 'data', labels: { app: 'consul' }, probes: true },
    },
    monitoring: { namespace: 'monitoring' },
    processes: { orders: { replicas: 3, env: { DEPTH: '1' }, secretEnv: { TOKEN: { secret: 'mail', key: 'token' } } } },
  },
  'deploy.yaml',
);

let deployment: Deployment;
let files: Generated;
beforeAll(async () => {
  const root = project({
    'gateways/web.ts': `
import { compose, external, expose, gateway, site } from 'ramet';
import { Orders } from '../services/orders/contract.ts';
const uses = { bank: external('bank', { url: 'https://bank.example:8443/v1' }), here: external('here', { url: 'http://127.0.0.1:1' }) };
export default gateway('web', {
  routes: [
    expose(Orders, { operations: { quote: { access: 'public' } } }),
    compose('GET /bank', { access: 'public', uses, run: async () => ({}) }),
    site({ folder: new URL('../site/', import.meta.url) }),
  ],
});`,
  });
  deployment = await deploymentOf({ topologyFile: join(root, 'topology.ts'), profile: 'services', config, conditions: ['ramet-source'] });
  files = manifests(deployment);
}, 240_000);

const all = (file: string): any[] => parseAllDocuments(files.get(file) ?? '').map((document) => document.toJS());
const one = (file: string, kind: string): any => all(file).find((manifest) => manifest.kind === kind);

test('a process gets its manifests in a file of its own, in the namespace, by name', () => {
  expect([...files.keys()]).toEqual(['00-shared.yaml', 'orders.yaml', 'payments.yaml', 'web.yaml']);
  expect(all('00-shared.yaml').map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    'Namespace shops',
    'ConfigMap tiny-graph',
    'NetworkPolicy tiny-default-deny',
  ]);
  for (const file of ['orders.yaml', 'payments.yaml', 'web.yaml']) {
    expect(all(file).map(({ kind }) => kind)).toEqual(['ServiceAccount', 'Deployment', 'Service', 'PodDisruptionBudget', 'NetworkPolicy']);
    for (const { metadata } of all(file)) expect(metadata).toMatchObject({ name: file.replace('.yaml', ''), namespace: 'shops' });
  }
  expect(JSON.parse(one('00-shared.yaml', 'ConfigMap').data['graph.json'])).toEqual(deployment.graph);
});

test('the same topology makes the same text', () => {
  expect([...manifests(deployment)]).toEqual([...files]);
});

describe('a pod', () => {
  test('runs without root, may write to /tmp only, and has no token of the cluster', () => {
    const { spec } = one('orders.yaml', 'Deployment').spec.template;
    expect(spec).toMatchObject({ automountServiceAccountToken: false, serviceAccountName: 'orders' });
    expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } });
    const [container] = spec.containers;
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.volumeMounts.filter((mount: { readOnly?: boolean }) => !mount.readOnly)).toEqual([{ name: 'tmp', mountPath: '/tmp' }]);
    expect(one('orders.yaml', 'ServiceAccount').automountServiceAccountToken).toBe(false);
  });

  test('is asked on its own port whether it lives and is ready, and has time to start and to stop', () => {
    const { spec } = one('orders.yaml', 'Deployment').spec.template;
    const [container] = spec.containers;
    expect(container.ports).toContainEqual({ name: 'probes', containerPort: 9_090 });
    expect(container.startupProbe.httpGet).toEqual({ path: '/livez', port: 'probes' });
    expect(container.livenessProbe.httpGet).toEqual({ path: '/livez', port: 'probes' });
    expect(container.readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'probes' });
    const drain = Number(container.env.find(({ name }: { name: string }) => name === 'DRAIN_DELAY_MS').value);
    expect([spec.terminationGracePeriodSeconds, drain]).toEqual([30, 5_000]);
  });

  test('gets secrets as files and by reference, and never as values', () => {
    const { spec } = one('orders.yaml', 'Deployment').spec.template;
    expect(spec.volumes).toContainEqual({ name: 'secrets', secret: { secretName: 'orders-secrets', defaultMode: 0o440 } });
    expect(spec.containers[0].env).toEqual(
      expect.arrayContaining([
        { name: 'SECRETS_DIR', value: '/run/secrets/ramet' },
        { name: 'TOKEN', valueFrom: { secretKeyRef: { name: 'mail', key: 'token' } } },
        { name: 'PEERS', value: '{}' },
        { name: 'DEPTH', value: '1' },
      ]),
    );
  });

  test('is replaced without a moment in which there are fewer', () => {
    const { spec } = one('orders.yaml', 'Deployment');
    expect(spec).toMatchObject({ replicas: 3, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } });
    expect(one('payments.yaml', 'Deployment').spec.replicas).toBe(2);
    expect(spec.template.spec.containers[0].image).toBe('registry.example/tiny/orders:3.0.0');
    expect(one('orders.yaml', 'PodDisruptionBudget').spec.maxUnavailable).toBe(1);
  });

  test('that serves a gateway is reached by one address, one that serves services by its own', () => {
    expect(one('web.yaml', 'Service').spec.ports).toEqual([{ name: 'http', port: 80, targetPort: 'http' }]);
    expect(one('orders.yaml', 'Service').spec).toMatchObject({
      clusterIP: 'None',
      ports: [{ name: 'rpc', port: 7_000, targetPort: 'rpc' }],
    });
  });
});

describe('network policies', () => {
  const named = (peers: any[]) => peers.map(({ podSelector }) => podSelector?.matchLabels['app.kubernetes.io/name']);
  const on = (rules: any[], port: number) => rules.filter((rule) => rule.ports.some((given: { port: number }) => given.port === port));

  test('no connection is allowed unless it is declared', () => {
    const { spec } = one('00-shared.yaml', 'NetworkPolicy');
    expect(spec).toEqual({ podSelector: { matchLabels: { 'app.kubernetes.io/part-of': 'tiny' } }, policyTypes: ['Ingress', 'Egress'] });
  });

  test('every edge of the graph may be called, from both sides, and no other', () => {
    const processes = ['orders', 'payments', 'web'];
    // The process of the operators' interface calls every service.
    const edges = processes.flatMap((from) =>
      processes
        .filter((to) => from !== to && (deployment.graph[from]?.includes(to) || (from === 'web' && to !== 'web')))
        .map((to) => `${from} ${to}`),
    );
    const ins = processes.flatMap((to) =>
      on(one(`${to}.yaml`, 'NetworkPolicy').spec.ingress, 7_000).flatMap(({ from }) => named(from).map((name) => `${name} ${to}`)),
    );
    const outs = processes.flatMap((from) =>
      on(one(`${from}.yaml`, 'NetworkPolicy').spec.egress, 7_000).flatMap(({ to }) => named(to).map((name) => `${from} ${name}`)),
    );
    expect(edges).toEqual(['orders payments', 'web orders', 'web payments']);
    expect(ins.sort()).toEqual(edges);
    expect(outs.sort()).toEqual(edges);
  });

  test('only the declared users of an engine may reach it', () => {
    const reaches = (process: string, port: number) => on(one(`${process}.yaml`, 'NetworkPolicy').spec.egress, port);
    expect(reaches('orders', 5_432)).toEqual([{ to: [{ ipBlock: { cidr: '10.1.2.3/32' } }], ports: [{ protocol: 'TCP', port: 5_432 }] }]);
    expect(reaches('web', 5_432)).toEqual([]);
    expect(reaches('web', 8_502)[0].to).toEqual([
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'data' } }, podSelector: { matchLabels: { app: 'consul' } } },
    ]);
  });

  test('the probes answer the registry and the metrics’ reader, and a gateway everybody on its port', () => {
    const { ingress } = one('web.yaml', 'NetworkPolicy').spec;
    expect(on(ingress, 9_090)[0].from).toHaveLength(2);
    expect(on(ingress, 8_080)).toEqual([{ ports: [{ protocol: 'TCP', port: 8_080 }] }]);
    expect(on(one('orders.yaml', 'NetworkPolicy').spec.ingress, 8_080)).toEqual([]);
  });

  test('an external system is the internet on its port, and never a network inside', () => {
    const [rule] = on(one('web.yaml', 'NetworkPolicy').spec.egress, 8_443);
    expect(rule.to[0].ipBlock).toMatchObject({ cidr: '0.0.0.0/0', except: expect.arrayContaining(['10.0.0.0/8', '169.254.0.0/16']) });
    expect(on(one('orders.yaml', 'NetworkPolicy').spec.egress, 8_443)).toEqual([]);
    expect(warningsOf(deployment)).toContain("'web' asks http://127.0.0.1:1, which in a container is the container itself");
  });
});

test('a profile that is one process gets no manifests for many', async () => {
  const single = await deploymentOf({
    topologyFile: join(project(), 'topology.ts'),
    profile: 'monolith',
    config: checkConfig({}, ''),
    conditions: ['ramet-source'],
  });
  expect(() => manifests(single)).toThrow("profile 'monolith' is one process");
});

test('a description names everything that is wrong with it', () => {
  const wrong = { name: 'My Shop', engines: { pg: { port: 99_999 } }, processes: { orders: { replica: 2 } } };
  expect(() => checkConfig(wrong, 'deploy.yaml')).toThrow(
    /name: small letters[\s\S]*engines\.pg\.port:[\s\S]*processes\.orders: Unrecognized key: "replica"/,
  );
});

test('a process that the topology does not have is named', async () => {
  const asked = deploymentOf({
    topologyFile: join(project(), 'topology.ts'),
    profile: 'services',
    config: checkConfig({ env: { PEERS: '{}' }, processes: { shiping: {} } }, ''),
    conditions: ['ramet-source'],
  });
  await expect(asked).rejects.toThrow("there is no process 'shiping' in profile 'services'; it has orders, payments, web");
});

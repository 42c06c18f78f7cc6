import { stringify } from 'yaml';
import { processConfig } from './config.ts';
import { type DeployedProcess, type Deployment, imageOf } from './deployment.ts';
import { type Generated, headerOf } from './generated.ts';
import { labelsOf, metadata } from './labels.ts';
import { denyAllPolicy, networkPolicy } from './policies.ts';
import { gatewayPorts, PORTS, USER } from './ports.ts';
import { DeployError } from './problems.ts';

/** Longer than Kubernetes needs to tell its proxies that a pod is going (correctness.md 2.9); the rest of the 30 s is for what is under way. */
const DRAIN_DELAY_MS = 5_000;
const GRACE_SECONDS = 30;

const FILES = '/etc/ramet';
const SECRETS = '/run/secrets/ramet';

type Manifest = Readonly<Record<string, unknown>>;

/**
 * Kubernetes manifests: a file for each process and one for what they share. A pod may connect to the services that the declared graph names
 * and to the engines, and to nothing else.
 * @throws DeployError when the profile is one process: there is nothing for several replicas to agree by
 */
export function manifests(deployment: Deployment): Generated {
  if (deployment.processes.some(({ process }) => process === undefined))
    throw new DeployError([`profile '${deployment.profile}' is one process; Kubernetes manifests are for a profile with 'processes'`]);
  const { name, config } = deployment;
  const shared: Manifest[] = [
    ...(config.namespace !== undefined && config.createNamespace
      ? [
          {
            apiVersion: 'v1',
            kind: 'Namespace',
            metadata: { name: config.namespace, labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
          },
        ]
      : []),
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata(deployment, `${name}-graph`),
      data: { 'graph.json': `${JSON.stringify(deployment.graph, undefined, 2)}\n` },
    },
    denyAllPolicy(deployment),
  ];
  const files = new Map([['00-shared.yaml', text(deployment, shared)]]);
  for (const process of deployment.processes) files.set(`${process.name}.yaml`, text(deployment, manifestsOf(deployment, process)));
  return files;
}

const text = ({ profile }: Deployment, all: readonly Manifest[]): string =>
  headerOf('kubernetes', profile) +
  all.map((manifest) => stringify(manifest, { lineWidth: 0, aliasDuplicateObjects: false })).join('---\n');

function manifestsOf(deployment: Deployment, process: DeployedProcess): Manifest[] {
  const { name, gateways } = process;
  const selector = labelsOf(deployment.name, name);
  const about = metadata(deployment, name, name);
  const rpc = { name: 'rpc', port: PORTS.rpc, targetPort: 'rpc' };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: about, automountServiceAccountToken: false },
    deploymentManifest(deployment, process),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: about,
      // Callers of services choose among the pods themselves; only clients of a gateway need one address for all.
      spec:
        gateways.length === 0
          ? { clusterIP: 'None', selector, ports: [rpc] }
          : {
              selector,
              ports: [
                ...gatewayPorts(gateways).map(({ name: port }, at) => ({ name: port, port: 80 + at, targetPort: port })),
                ...(process.services.length === 0 ? [] : [rpc]),
              ],
            },
    },
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: about,
      spec: { maxUnavailable: 1, selector: { matchLabels: selector } },
    },
    networkPolicy(deployment, process),
  ];
}

function deploymentManifest(deployment: Deployment, process: DeployedProcess): Manifest {
  const { config, version } = deployment;
  const { name, callers } = process;
  const selector = labelsOf(deployment.name, name);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: metadata(deployment, name, name),
    spec: {
      replicas: processConfig(config, name).replicas ?? config.replicas,
      revisionHistoryLimit: 5,
      selector: { matchLabels: selector },
      // A new pod is ready before an old one is stopped.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      template: {
        metadata: {
          labels: { ...selector, 'app.kubernetes.io/version': version },
          // The allowed callers are read at the start: when they change, the pods are replaced.
          annotations: { 'ramet/callers': callers.join(' ') },
        },
        spec: {
          serviceAccountName: name,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: GRACE_SECONDS,
          securityContext: {
            runAsNonRoot: true,
            runAsUser: USER,
            runAsGroup: USER,
            fsGroup: USER,
            seccompProfile: { type: 'RuntimeDefault' },
          },
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: selector },
            },
          ],
          containers: [container(deployment, process)],
          volumes: [
            { name: 'secrets', secret: { secretName: `${name}-secrets`, defaultMode: 0o440 } },
            {
              name: 'files',
              projected: {
                sources: [{ configMap: { name: `${deployment.name}-graph` } }, { configMap: { name: `${deployment.name}-identities` } }],
              },
            },
            { name: 'tmp', emptyDir: { sizeLimit: '64Mi' } },
          ],
        },
      },
    },
  };
}

function container(deployment: Deployment, process: DeployedProcess): Manifest {
  const { name, gateways, admin } = process;
  const own = processConfig(deployment.config, name);
  const ask = (path: string) => ({ httpGet: { path, port: 'probes' }, timeoutSeconds: 3 });
  return {
    name,
    image: imageOf(deployment, name),
    ports: [
      { name: 'rpc', containerPort: PORTS.rpc },
      { name: 'probes', containerPort: PORTS.probes },
      ...gatewayPorts(gateways).map(({ name: port, port: containerPort }) => ({ name: port, containerPort })),
    ],
    env: [
      // This process advertises the address that other processes can reach.
      { name: 'HOST', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      ...plain({
        RPC_PORT: String(PORTS.rpc),
        PROBES_PORT: String(PORTS.probes),
        ...Object.fromEntries(gatewayPorts(gateways).map(({ variable, port }) => [variable, String(port)])),
        ...(admin ? { ADMIN_PORT: String(PORTS.admin) } : {}),
        DRAIN_DELAY_MS: String(DRAIN_DELAY_MS),
        GRAPH_FILE: `${FILES}/graph.json`,
        IDENTITIES_FILE: `${FILES}/identities.json`,
        NODE_ENV: 'production',
        SECRETS_DIR: SECRETS,
        ...deployment.config.env,
        ...own.env,
      }),
      ...Object.entries(own.secretEnv).map(([variable, { secret, key }]) => ({
        name: variable,
        valueFrom: { secretKeyRef: { name: secret, key } },
      })),
    ],
    // A start may migrate a database first.
    startupProbe: { ...ask('/livez'), periodSeconds: 2, failureThreshold: 60 },
    livenessProbe: { ...ask('/livez'), periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { ...ask('/readyz'), periodSeconds: 2, failureThreshold: 2 },
    resources: {
      requests: own.resources?.requests ?? { cpu: '100m', memory: '192Mi' },
      limits: own.resources?.limits ?? { memory: '512Mi' },
    },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      { name: 'secrets', mountPath: SECRETS, readOnly: true },
      { name: 'files', mountPath: FILES, readOnly: true },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
}

const plain = (values: Readonly<Record<string, string>>) => Object.entries(values).map(([name, value]) => ({ name, value }));

import { isIP } from 'node:net';
import { type PeerConfig, processConfig } from './config.ts';
import { type DeployedProcess, type Deployment, LOOPBACK } from './deployment.ts';
import { labelsOf, metadata } from './labels.ts';
import { gatewayPorts, PORTS } from './ports.ts';

/** Networks inside of installations, and those that lead to the machine itself: none of them is the internet. */
const INSIDE = ['10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'];

type Rule = Readonly<Record<string, unknown>>;

/** Denies every connection; the policy of each process allows some. */
export const denyAllPolicy = (deployment: Deployment): Rule => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: metadata(deployment, `${deployment.name}-default-deny`),
  spec: {
    podSelector: { matchLabels: { 'app.kubernetes.io/part-of': deployment.name } },
    policyTypes: ['Ingress', 'Egress'],
  },
});

/**
 * With whom the pods of a process may talk: they are called by the processes that the declared graph names, and call those
 * that it names, the engines, the external systems that their parts declare, and the name service.
 */
export function networkPolicy(deployment: Deployment, process: DeployedProcess): Rule {
  const { name, config } = deployment;
  const pods = (processes: readonly string[]) => processes.map((other) => ({ podSelector: { matchLabels: labelsOf(name, other) } }));
  const engines = Object.values(config.engines).filter((engine) => uses(engine.for, process));
  const askers = [...engines.filter(({ probes }) => probes).flatMap(peer), ...(config.monitoring ? peer(config.monitoring) : [])];
  const ingress: Rule[] = [
    ...(process.callers.length === 0 ? [] : [{ from: pods(process.callers), ports: tcp([PORTS.rpc]) }]),
    ...(process.gateways.length === 0 ? [] : [{ ports: tcp(gatewayPorts(process.gateways).map(({ port }) => port)) }]),
    ...(askers.length === 0 ? [] : [{ from: askers, ports: tcp([PORTS.probes]) }]),
  ];
  const egress: Rule[] = [
    {
      to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } }],
      ports: [
        { protocol: 'UDP', port: 53 },
        { protocol: 'TCP', port: 53 },
      ],
    },
    ...(process.calls.length === 0 ? [] : [{ to: pods(process.calls), ports: tcp([PORTS.rpc]) }]),
    ...[...engines, ...processConfig(config, process.name).egress].map(leadsTo),
    ...externalRules(process),
  ];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadata(deployment, process.name, process.name),
    spec: { podSelector: { matchLabels: labelsOf(name, process.name) }, policyTypes: ['Ingress', 'Egress'], ingress, egress },
  };
}

const tcp = (ports: readonly number[]) => ports.map((port) => ({ protocol: 'TCP', port }));

function leadsTo(target: PeerConfig): Rule {
  const to = peer(target);
  return { ...(to.length === 0 ? {} : { to }), ports: tcp(target.port) };
}

/** Empty where anybody is meant. */
function peer({ cidr, namespace, labels }: Partial<PeerConfig>): Rule[] {
  if (cidr !== undefined) return [{ ipBlock: { cidr } }];
  if (namespace === undefined && labels === undefined) return [];
  return [
    {
      ...(namespace === undefined ? {} : { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }),
      ...(labels === undefined ? {} : { podSelector: { matchLabels: labels } }),
    },
  ];
}

function uses(whom: 'all' | 'services' | 'gateways' | readonly string[], { name, services, gateways }: DeployedProcess): boolean {
  if (whom === 'all') return true;
  if (whom === 'services') return services.length > 0;
  return whom === 'gateways' ? gateways.length > 0 : whom.includes(name);
}

/** Policies know addresses, not names: an external system with a name is the internet, on its port. */
function externalRules({ trace }: DeployedProcess): Rule[] {
  const rules = new Map<string, Rule>();
  for (const url of Object.values(trace.externals).flat()) {
    const { hostname, port, protocol } = URL.parse(url) ?? {};
    if (!hostname || LOOPBACK.test(hostname)) continue;
    const host = hostname.replaceAll(/[[\]]/g, '');
    const version = isIP(host);
    const ipBlock = version === 0 ? { cidr: '0.0.0.0/0', except: INSIDE } : { cidr: `${host}/${version === 4 ? 32 : 128}` };
    const rule = { to: [{ ipBlock }], ports: tcp([Number(port) || (protocol === 'http:' ? 80 : 443)]) };
    rules.set(JSON.stringify(rule), rule);
  }
  return [...rules.keys()].sort().map((key) => rules.get(key) as Rule);
}

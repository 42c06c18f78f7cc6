import { existsSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { DeployError } from './problems.ts';

const Port = z.int().min(1).max(65_535);
const Labels = z.record(z.string(), z.string());
const Label = z
  .string()
  .max(50)
  .regex(/^[a-z]([-a-z0-9]*[a-z0-9])?$/, 'small letters, digits and hyphens, as in my-shop');

/** The other end of a connection: pods by their labels or namespace, or addresses; any end if nothing is given. */
const Peer = z.strictObject({
  port: z.union([Port, z.array(Port).min(1)]).transform((port) => (Array.isArray(port) ? port : [port])),
  cidr: z.union([z.cidrv4(), z.cidrv6()]).optional(),
  namespace: Label.optional(),
  labels: Labels.optional(),
});

const Engine = Peer.extend({
  /** Which processes use it. */
  for: z.union([z.enum(['all', 'services', 'gateways']), z.array(Label)]).default('all'),
  /** It asks the processes whether they are ready, as Consul does. */
  probes: z.boolean().default(false),
});

const Process = z.strictObject({
  replicas: z.int().min(0).max(1_000).optional(),
  env: z.record(z.string(), z.string()).default({}),
  /** Variables whose values are in Secrets. */
  secretEnv: z.record(z.string(), z.strictObject({ secret: z.string(), key: z.string() })).default({}),
  /** What else it connects to. */
  egress: z.array(Peer).default([]),
  resources: z.strictObject({ requests: Labels.optional(), limits: Labels.optional() }).optional(),
});

const Config = z.strictObject({
  /** What all of it is called (default: the name in package.json). */
  name: Label.optional(),
  /** `{name}`, `{process}` and `{version}` are filled in. */
  image: z.string().default('{name}-{process}:{version}'),
  /** The version of Node in the images. */
  node: z
    .string()
    .regex(/^\d+\.\d+\.\d+$/, 'a whole version, such as 24.21.0')
    .default('24.21.0'),
  namespace: Label.optional(),
  createNamespace: z.boolean().default(false),
  replicas: z.int().min(1).max(1_000).default(2),
  /** The environment of every process, also while it is loaded to be traced. */
  env: z.record(z.string(), z.string()).default({}),
  engines: z.record(z.string(), Engine).default({}),
  /** The pods that may read the metrics. */
  monitoring: z.strictObject({ namespace: Label.optional(), labels: Labels.optional() }).optional(),
  processes: z.record(z.string(), Process).default({}),
  /** The command by which a pipeline tests the folders that it is given after it. */
  test: z.string().default('npm test --'),
});

/** How the processes of a topology are deployed, beyond what the topology says. */
export type DeployConfig = z.output<typeof Config>;
export type PeerConfig = z.output<typeof Peer>;
export type ProcessConfig = z.output<typeof Process>;

/**
 * Reads the description of a deployment, in YAML or JSON. Everything in it has a default.
 * @param file without it, everything has its default
 * @throws DeployError with everything that is wrong
 */
export function readConfig(file: string | undefined): DeployConfig {
  if (file === undefined) return Config.parse({});
  if (!existsSync(file)) throw new DeployError([`there is no ${file}; name the description of the deployment with --config`]);
  let given: unknown;
  try {
    given = parse(readFileSync(file, 'utf8')) ?? {};
  } catch (error) {
    throw new DeployError([`${file}: ${(error as Error).message}`]);
  }
  return checkConfig(given, file);
}

/** @param where what the problems are said of */
export function checkConfig(given: unknown, where: string): DeployConfig {
  const { data, error } = Config.safeParse(given);
  if (error) throw new DeployError(error.issues.map((issue) => `${where}: ${issue.path.join('.') || 'at the top'}: ${issue.message}`));
  return data;
}

/** What the configuration says of one process. */
export const processConfig = (config: DeployConfig, process: string): ProcessConfig => config.processes[process] ?? Process.parse({});

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { BootError } from '../errors/index.ts';
import { systemFiles } from '../platform/index.ts';
import { environment, files, firstOf } from '../security/index.ts';
import type { Graph } from './graph.ts';
import type { Runtime, StartOptions } from './options.ts';
import { run } from './run.ts';
import type { Topology } from './topology.ts';

/** What is known when a process is built. Everything else comes from its environment. */
export interface Built {
  readonly profile: string;
  /** The process of the profile; absent where the profile is one process. */
  readonly process?: string;
  readonly version: string;
  /** The gateways that it hosts. */
  readonly gateways: readonly string[];
  /** The file with the declared graph. */
  readonly graph: URL;
}

/** A declared graph or a file of keys is far smaller; what is larger is another file. */
const LARGEST_FILE_BYTES = 16 * 1024 * 1024;

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Runs one process as it was built, with the settings of its environment (docs/deploying.md lists the variables): the entry of an
 * artefact. A process whose environment is wrong prints all problems and exits. A parent with an IPC channel receives the ports.
 */
export async function serve(topology: Topology, built: Built, variables: Variables = process.env): Promise<Runtime> {
  let options: StartOptions;
  try {
    options = optionsOf(built, variables);
  } catch (error) {
    if (!(error instanceof BootError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  const runtime = await run(topology, options);
  const { ports, rpcPort, probesPort, adminPort } = runtime;
  process.send?.({ ready: true, port: Object.values(ports)[0], ports, rpcPort, probesPort, adminPort });
  return runtime;
}

/**
 * Reads the options of a start from the environment.
 * @throws BootError with everything that is wrong
 */
export function optionsOf(built: Built, variables: Variables): StartOptions {
  const problems: string[] = [];
  const whole = (name: string, most: number): number | undefined => {
    const text = variables[name];
    if (!text) return undefined;
    const value = Number(text);
    if (Number.isInteger(value) && value >= 0 && value <= most) return value;
    problems.push(`${name} is '${text}': write a whole number from 0 to ${most}`);
    return undefined;
  };
  const port = (name: string) => whole(name, 65_535);
  const flag = (name: string): boolean => {
    const text = variables[name] || 'false';
    if (text !== 'true' && text !== 'false') problems.push(`${name} is '${text}': write true or false`);
    return text === 'true';
  };
  const read = (path: string | URL, what: string): unknown => {
    try {
      const text = systemFiles.readText(path instanceof URL ? path : pathToFileURL(path), LARGEST_FILE_BYTES);
      if (text === undefined) throw new Error('there is no such file');
      return JSON.parse(text);
    } catch (error) {
      problems.push(`${what} cannot be read from ${path}: ${(error as Error).message}`);
      return undefined;
    }
  };
  const ports: Record<string, number> = {};
  for (const gateway of built.gateways) {
    const own = port(`PORT_${gateway.toUpperCase().replaceAll('-', '_')}`) ?? (built.gateways.length === 1 ? port('PORT') : undefined);
    if (own !== undefined) ports[gateway] = own;
  }
  const drainDelayMs = whole('DRAIN_DELAY_MS', 20_000);
  const bootWaitMs = whole('BOOT_WAIT_MS', 3_600_000);
  const rpcPort = port('RPC_PORT');
  const probesPort = port('PROBES_PORT');
  const adminPort = port('ADMIN_PORT');
  const sharePorts = flag('SHARE_PORTS');
  const advertise = {
    host: variables['ADVERTISE_HOST'] || undefined,
    rpcPort: port('ADVERTISE_RPC_PORT'),
    probesPort: port('ADVERTISE_PROBES_PORT'),
  };
  const { SECRETS_DIR, GRAPH_FILE, IDENTITIES_FILE, LOG_LEVEL, NODE_ENV, HOST, ALERT_WEBHOOK, ADMIN_TOKEN_FILE } = variables;
  const options: StartOptions = {
    profile: built.profile,
    name: built.process ?? built.profile,
    version: built.version,
    env: NODE_ENV || 'development',
    ports,
    sharePorts,
    ...(LOG_LEVEL ? { logLevel: LOG_LEVEL } : {}),
    ...(HOST ? { host: HOST } : {}),
    ...(ALERT_WEBHOOK ? { alertWebhook: ALERT_WEBHOOK } : {}),
    ...(drainDelayMs === undefined ? {} : { drainDelayMs }),
    ...(bootWaitMs === undefined ? {} : { bootWait: `${bootWaitMs}ms` }),
    ...(probesPort === undefined ? {} : { probesPort }),
    ...(adminPort === undefined ? {} : { admin: { port: adminPort, tokenFile: ADMIN_TOKEN_FILE || join(tmpdir(), 'ramet-admin.token') } }),
  };
  if (built.process === undefined) return checked(options, problems);
  if (!IDENTITIES_FILE)
    problems.push(
      'IDENTITIES_FILE is not set: name the file with every process\'s public keys, {"orders": ["-----BEGIN PUBLIC KEY-----…"]}',
    );
  const secrets = firstOf(files(SECRETS_DIR || 'secrets'), environment({ variables }));
  problems.push(...secrets.problems(['identity-key']));
  return checked(
    {
      ...options,
      process: built.process,
      ...(rpcPort === undefined ? {} : { rpcPort }),
      advertise,
      graph: read(GRAPH_FILE || built.graph, 'the declared graph') as Graph,
      identity: {
        privateKey: secrets.get('identity-key'),
        publicKeys: (IDENTITIES_FILE ? read(IDENTITIES_FILE, 'the public keys') : {}) as Record<string, readonly string[]>,
      },
    },
    problems,
  );
}

function checked(options: StartOptions, problems: readonly string[]): StartOptions {
  if (problems.length > 0) throw new BootError(problems);
  return options;
}

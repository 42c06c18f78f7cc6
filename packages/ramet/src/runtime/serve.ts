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
  const reader = new VariableReader(variables);
  const { NODE_ENV, LOG_LEVEL, HOST, ALERT_WEBHOOK, ADMIN_TOKEN_FILE } = variables;
  const bootWaitMs = reader.whole('BOOT_WAIT_MS', 3_600_000);
  const adminPort = reader.port('ADMIN_PORT');
  const options: StartOptions = {
    profile: built.profile,
    name: built.process ?? built.profile,
    version: built.version,
    env: NODE_ENV || 'development',
    ports: portsOf(built, reader),
    sharePorts: reader.flag('SHARE_PORTS'),
    logLevel: LOG_LEVEL || undefined,
    host: HOST || undefined,
    alertWebhook: ALERT_WEBHOOK || undefined,
    drainDelayMs: reader.whole('DRAIN_DELAY_MS', 20_000),
    bootWait: bootWaitMs === undefined ? undefined : `${bootWaitMs}ms`,
    probesPort: reader.port('PROBES_PORT'),
    ...(adminPort === undefined ? {} : { admin: { port: adminPort, tokenFile: ADMIN_TOKEN_FILE || join(tmpdir(), 'ramet-admin.token') } }),
    ...(built.process === undefined ? {} : { process: built.process, ...linksOf(built, variables, reader) }),
  };
  if (reader.problems.length > 0) throw new BootError(reader.problems);
  return options;
}

/** The port of each gateway; a process with one gateway may name it by `PORT`. */
function portsOf({ gateways }: Built, reader: VariableReader): Record<string, number> {
  const ports: Record<string, number> = {};
  for (const gateway of gateways) {
    const own =
      reader.port(`PORT_${gateway.toUpperCase().replaceAll('-', '_')}`) ?? (gateways.length === 1 ? reader.port('PORT') : undefined);
    if (own !== undefined) ports[gateway] = own;
  }
  return ports;
}

/** What a process needs beside other processes: its address, the allowed calls, and the keys. */
function linksOf(
  { graph }: Built,
  variables: Variables,
  reader: VariableReader,
): Pick<StartOptions, 'rpcPort' | 'advertise' | 'graph' | 'identity'> {
  const { SECRETS_DIR, GRAPH_FILE, IDENTITIES_FILE, ADVERTISE_HOST } = variables;
  const rpcPort = reader.port('RPC_PORT');
  if (!IDENTITIES_FILE)
    reader.problems.push(
      'IDENTITIES_FILE is not set: name the file with every process\'s public keys, {"orders": ["-----BEGIN PUBLIC KEY-----…"]}',
    );
  const secrets = firstOf(files(SECRETS_DIR || 'secrets'), environment({ variables }));
  reader.problems.push(...secrets.problems(['identity-key']));
  return {
    ...(rpcPort === undefined ? {} : { rpcPort }),
    advertise: {
      host: ADVERTISE_HOST || undefined,
      rpcPort: reader.port('ADVERTISE_RPC_PORT'),
      probesPort: reader.port('ADVERTISE_PROBES_PORT'),
    },
    graph: reader.json(GRAPH_FILE || graph, 'the declared graph') as Graph,
    identity: {
      privateKey: secrets.get('identity-key'),
      publicKeys: (IDENTITIES_FILE ? reader.json(IDENTITIES_FILE, 'the public keys') : {}) as Record<string, readonly string[]>,
    },
  };
}

/** Reads variables and the files that they name, and collects what is wrong with them. */
class VariableReader {
  readonly problems: string[] = [];
  readonly #variables: Variables;

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  whole(name: string, most: number): number | undefined {
    const text = this.#variables[name];
    if (!text) return undefined;
    const value = Number(text);
    if (Number.isInteger(value) && value >= 0 && value <= most) return value;
    this.problems.push(`${name} is '${text}': write a whole number from 0 to ${most}`);
    return undefined;
  }

  port(name: string): number | undefined {
    return this.whole(name, 65_535);
  }

  flag(name: string): boolean {
    const text = this.#variables[name] || 'false';
    if (text !== 'true' && text !== 'false') this.problems.push(`${name} is '${text}': write true or false`);
    return text === 'true';
  }

  json(path: string | URL, what: string): unknown {
    try {
      const text = systemFiles.readText(path instanceof URL ? path : pathToFileURL(path), LARGEST_FILE_BYTES);
      if (text === undefined) throw new Error('there is no such file');
      return JSON.parse(text);
    } catch (error) {
      this.problems.push(`${what} cannot be read from ${path}: ${(error as Error).message}`);
      return undefined;
    }
  }
}

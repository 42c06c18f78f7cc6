import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { DeployedProcess, Deployment } from '@ramet/deploy';
import { type Command, Option } from 'commander';
import type { ContractShape } from 'ramet';
import { CliError } from './client.ts';
import { fromProject } from './project.ts';

type Deploy = typeof import('@ramet/deploy');

interface Options {
  readonly topology: string;
  readonly profile: string;
  readonly config?: string;
  readonly release?: string;
  readonly out: string;
}

const topology = () => new Option('--topology <file>', 'the topology of the project').default('topology.ts');
const profile = () => new Option('--profile <name>', 'the profile of the topology').default('services');
const config = () => new Option('--config <file>', 'the description of the deployment, in YAML');
const release = () => new Option('--release <version>', 'the version of this build (default: the version in package.json)');
const out = () => new Option('--out <folder>', 'the folder to write').makeOptionMandatory();

/**
 * Adds `ramet graph`, `ramet contracts`, `ramet build` and `ramet generate`: they print what a topology declares, write one of its
 * processes as a folder, and write how its processes are deployed.
 */
export function addDeploy(program: Command): void {
  addGraph(program);
  addContracts(program);
  addBuild(program);
  addGenerate(program);
}

function addGraph(program: Command): void {
  program
    .command('graph')
    .description('print the declared graph of calls, in JSON')
    .addOption(topology())
    .action(({ topology: file }: Options) =>
      withDeploy(async ({ overviewOf }) => {
        const { graph } = await overviewOf({ topologyFile: file });
        process.stdout.write(`${JSON.stringify(graph, undefined, 2)}\n`);
      }),
    );
}

function addContracts(program: Command): void {
  program
    .command('contracts [service...]')
    .description('print the contracts of services, in JSON; or compare them with an earlier print')
    .addOption(topology())
    .option('--against <file>', 'an earlier print; the command ends with 1 when a change breaks a caller that was built with it')
    .action((services: string[], { topology: file, against }: Options & { against?: string }) =>
      withDeploy(async ({ overviewOf }) => {
        const { contracts } = await overviewOf({ topologyFile: file });
        for (const name of services)
          if (!contracts[name]) throw new CliError(`there is no service '${name}'; the services are ${Object.keys(contracts).join(', ')}`);
        const isChosen = (name: string) => services.length === 0 || services.includes(name);
        if (against === undefined) {
          const chosen = Object.fromEntries(Object.entries(contracts).filter(([name]) => isChosen(name)));
          process.stdout.write(`${JSON.stringify(chosen, undefined, 2)}\n`);
          return;
        }
        const deployed = readContracts(against);
        const { breakingChanges } = await fromProject<typeof import('ramet')>('ramet', dirname(resolve(file)));
        const broken = Object.entries(deployed).flatMap(([name, shape]) => {
          if (!isChosen(name)) return [];
          const now = contracts[name];
          return now ? breakingChanges(shape, now) : [`service '${name}' is gone`];
        });
        if (broken.length > 0) throw new CliError(broken.join('\n'));
        process.stdout.write('no change breaks a caller that was built with the earlier contracts\n');
      }),
    );
}

function addBuild(program: Command): void {
  program
    .command('build [process]')
    .description('write a folder with one process of a profile: only the code that it loads, and a package.json for it')
    .addOption(topology())
    .addOption(profile())
    .addOption(config())
    .addOption(release())
    .addOption(out())
    .option('--link', 'link the packages of the project, so that the folder runs on this machine without an installation')
    .action((name: string | undefined, options: Options & { link?: boolean }) =>
      withDeploy(async (deploy) => {
        if (name === undefined) await expectOneProcess(deploy, options);
        const deployment = await described(deploy, options, name === undefined ? undefined : [name]);
        const found = deployment.processes[0] as DeployedProcess;
        const { trace } = found;
        const { profile: built, graph, contracts, version } = deployment;
        const { start } = deploy.writeArtefact({
          ...{ trace, profile: built, graph, contracts, version, out: options.out },
          ...(found.process === undefined ? {} : { process: found.process }),
        });
        if (options.link) deploy.linkPackages(trace, options.out);
        warn(trace.warnings);
        const install = options.link ? '' : 'npm ci --omit=dev && ';
        process.stdout.write(`wrote ${trace.files.length} files in ${options.out}; run there: ${install}${start.join(' ')}\n`);
      }),
    );
}

/** @throws CliError when the profile has several processes */
async function expectOneProcess({ readConfig, overviewOf }: Deploy, options: Options): Promise<void> {
  const { env } = readConfig(options.config);
  const { processes } = await overviewOf({ topologyFile: options.topology, profile: options.profile, env });
  if (processes) throw new CliError(`profile '${options.profile}' has several processes; name one: ${Object.keys(processes).join(', ')}`);
}

function addGenerate(program: Command): void {
  const generate = program.command('generate').description('write how the processes of a profile are deployed');
  const generator = (
    kind: string,
    description: string,
    files: (deploy: Deploy, deployment: Deployment, options: never) => ReadonlyMap<string, string>,
  ) =>
    generate
      .command(kind)
      .description(description)
      .addOption(topology())
      .addOption(profile())
      .addOption(config())
      .addOption(release())
      .addOption(out())
      .action((options: Options) =>
        withDeploy(async (deploy) => {
          const deployment = await described(deploy, options);
          const made = files(deploy, deployment, options as never);
          deploy.writeGenerated(kind, made, options.out);
          warn(deploy.warningsOf(deployment));
          process.stdout.write(`wrote ${made.size} files in ${options.out}\n`);
        }),
      );
  generator('docker', 'write a Dockerfile for each process', (deploy, deployment) => deploy.dockerfiles(deployment));
  generator('kubernetes', 'write manifests for each process, with network policies from the declared graph', (deploy, deployment) =>
    deploy.manifests(deployment),
  );
  generator(
    'ci',
    'write a pipeline of GitHub Actions for each process',
    (deploy, deployment, options: Options & { command: string; dockerfiles: string }) => deploy.pipelines(deployment, options),
  )
    .option('--command <command>', 'the command with which a pipeline calls ramet', 'npx ramet')
    .option('--contracts <folder>', 'the folder of the deployed contracts, as orders.json (default: contracts are not compared)')
    .option('--dockerfiles <folder>', 'the folder of the Dockerfiles', 'deploy/docker');
}

function readContracts(file: string): Record<string, ContractShape> {
  try {
    const read: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (!isObject(read)) throw new Error('it is not an object of contracts');
    const strange = Object.keys(read).find((name) => !isContract(read[name]));
    if (strange !== undefined) throw new Error(`its '${strange}' is not a contract`);
    return read as Record<string, ContractShape>;
  } catch (error) {
    throw new CliError(
      `${file} is not a print of 'ramet contracts' (${(error as Error).message}): make one with \`ramet contracts > deployed.json\``,
    );
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isContract = (value: unknown): boolean => isObject(value) && isObject(value['operations']) && isObject(value['events']);

/** Loads the generators only for the commands that need them. @throws CliError for a fault that the user can correct */
async function withDeploy(work: (deploy: Deploy) => Promise<void>): Promise<void> {
  const deploy = await import('@ramet/deploy');
  try {
    await work(deploy);
  } catch (error) {
    throw error instanceof deploy.DeployError ? new CliError(error.message) : error;
  }
}

function described(deploy: Deploy, options: Options, only?: readonly string[]): Promise<Deployment> {
  const { topology: topologyFile, profile, release, config } = options;
  return deploy.deploymentOf({
    ...{ topologyFile, profile, config: deploy.readConfig(config) },
    ...(release === undefined ? {} : { version: release }),
    ...(only ? { only } : {}),
  });
}

const warn = (warnings: readonly string[]) => {
  for (const warning of warnings) process.stderr.write(`note: ${warning}\n`);
};

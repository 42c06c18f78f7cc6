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

/** `ramet graph`, `ramet contracts`, `ramet build` and `ramet generate`: what a topology says, one of its processes as a folder, and how they are deployed. */
export function addDeploy(program: Command): void {
  const topology = () => new Option('--topology <file>', 'the topology of the project').default('topology.ts');
  const profile = () => new Option('--profile <name>', 'the profile of the topology').default('services');
  const config = () => new Option('--config <file>', 'the description of the deployment, in YAML');
  const release = () => new Option('--release <version>', 'what this build is called (default: the version in package.json)');
  const out = () => new Option('--out <folder>', 'where it is written').makeOptionMandatory();

  program
    .command('graph')
    .description('print who calls whom, as declared, in JSON')
    .addOption(topology())
    .action(({ topology: file }: Options) =>
      withDeploy(async ({ overviewOf }) => {
        const { graph } = await overviewOf({ topologyFile: file });
        process.stdout.write(`${JSON.stringify(graph, undefined, 2)}\n`);
      }),
    );

  program
    .command('contracts [service...]')
    .description('print what services promise, in JSON; or say what breaks those who were built with an earlier print')
    .addOption(topology())
    .option('--against <file>', 'an earlier print: ends with 1 when something in it is broken')
    .action((services: string[], { topology: file, against }: Options & { against?: string }) =>
      withDeploy(async ({ overviewOf }) => {
        const { contracts } = await overviewOf({ topologyFile: file });
        for (const name of services)
          if (!contracts[name]) throw new CliError(`there is no service '${name}'; there are ${Object.keys(contracts).join(', ')}`);
        const asked = Object.fromEntries(Object.entries(contracts).filter(([name]) => services.length === 0 || services.includes(name)));
        if (against === undefined) {
          process.stdout.write(`${JSON.stringify(asked, undefined, 2)}\n`);
          return;
        }
        const deployed = readContracts(against);
        const { breakingChanges } = await fromProject<typeof import('ramet')>('ramet', dirname(resolve(file)));
        const broken = Object.entries(deployed).flatMap(([name, shape]) => {
          if (services.length > 0 && !services.includes(name)) return [];
          const now = contracts[name];
          return now ? breakingChanges(shape, now) : [`service '${name}' is gone`];
        });
        if (broken.length > 0) throw new CliError(broken.join('\n'));
        process.stdout.write('nothing breaks those who were built with it\n');
      }),
    );

  program
    .command('build [process]')
    .description('write a folder with one process of a profile: only the code that it loads, and a package.json for it')
    .addOption(topology())
    .addOption(profile())
    .addOption(config())
    .addOption(release())
    .addOption(out())
    .option('--link', 'let it run on this machine, with the packages of the project and no installation')
    .action((name: string | undefined, options: Options & { link?: boolean }) =>
      withDeploy(async (deploy) => {
        const { readConfig, overviewOf } = deploy;
        if (name === undefined) {
          const { env } = readConfig(options.config);
          const { processes } = await overviewOf({ topologyFile: options.topology, profile: options.profile, env });
          if (processes)
            throw new CliError(`profile '${options.profile}' has several processes; name one: ${Object.keys(processes).join(', ')}`);
        }
        const deployment = await described(deploy, options, name === undefined ? undefined : [name]);
        const found = deployment.processes[0] as DeployedProcess;
        const { trace } = found;
        const { start } = deploy.writeArtefact({
          ...{
            trace,
            profile: deployment.profile,
            graph: deployment.graph,
            contracts: deployment.contracts,
            version: deployment.version,
            out: options.out,
          },
          ...(found.process === undefined ? {} : { process: found.process }),
        });
        if (options.link) deploy.linkPackages(trace, options.out);
        warn(trace.warnings);
        const install = options.link ? '' : 'npm ci --omit=dev && ';
        process.stdout.write(`${trace.files.length} files in ${options.out}; there: ${install}${start.join(' ')}\n`);
      }),
    );

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
          process.stdout.write(`${made.size} files in ${options.out}\n`);
        }),
      );
  generator('docker', 'a Dockerfile for each process', (deploy, deployment) => deploy.dockerfiles(deployment));
  generator('kubernetes', 'manifests for each process, with the network policies of the declared graph', (deploy, deployment) =>
    deploy.manifests(deployment),
  );
  generator(
    'ci',
    'a pipeline of GitHub Actions for each process',
    (deploy, deployment, options: Options & { command: string; dockerfiles: string }) => deploy.pipelines(deployment, options),
  )
    .option('--command <command>', 'how a pipeline calls ramet', 'npx ramet')
    .option('--contracts <folder>', 'where the prints of the deployed contracts are, as orders.json; left out, nothing is compared')
    .option('--dockerfiles <folder>', 'where the Dockerfiles are', 'deploy/docker');
}

function readContracts(file: string): Record<string, ContractShape> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, ContractShape>;
  } catch (error) {
    throw new CliError(`${file} is no print of 'ramet contracts' (${(error as Error).message})`);
  }
}

/** Loads the generators only for the commands that need them. @throws CliError with what a person can repair */
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

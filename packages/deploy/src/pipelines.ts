import { existsSync } from 'node:fs';
import { join, posix } from 'node:path';
import { stringify } from 'yaml';
import { type DeployedProcess, type Deployment, imageOf } from './deployment.ts';
import { type Generated, headerOf } from './generated.ts';

/** How a pipeline calls the command, and where it finds what it needs. Paths are relative to the repository. */
export interface PipelineOptions {
  /** The `ramet` command with its options for the topology, such as `npx ramet`. */
  readonly command: string;
  /** The description of the deployment. */
  readonly config?: string;
  /** The folder with what `ramet contracts` printed of the deployed versions, as `orders.json`; without it, nothing is compared. */
  readonly contracts?: string;
  /** Where the Dockerfiles are. */
  readonly dockerfiles: string;
}

/**
 * A pipeline of GitHub Actions for each process. It runs when a file changed that the process loads, or that lies beside one
 * that only it has, such as a test; what other processes consist of is nothing to it.
 */
export function pipelines(deployment: Deployment, options: PipelineOptions): Generated {
  const files = new Map<string, string>();
  for (const process of deployment.processes) {
    const text = stringify(workflow(deployment, process, options), { lineWidth: 0, aliasDuplicateObjects: false });
    files.set(`${deployment.name}-${process.name}.yml`, headerOf('ci', deployment.profile) + text);
  }
  return files;
}

/** The folders that only this process loads from: what lies in them is its own, whether it is loaded or not. */
export function ownFolders(deployment: Deployment, { trace, name }: DeployedProcess): string[] {
  const others = deployment.processes.filter((process) => process.name !== name).flatMap((process) => Object.values(process.trace.parts));
  const folders = new Set(Object.values(trace.parts).map((part) => posix.dirname(part)));
  return [...folders].filter((folder) => folder !== '.' && !others.some((other) => other.startsWith(`${folder}/`))).sort();
}

function workflow(deployment: Deployment, process: DeployedProcess, { command, config, contracts, dockerfiles }: PipelineOptions): object {
  const { name, trace } = process;
  const folders = ownFolders(deployment, process);
  const files = trace.files.filter((file) => !folders.some((folder) => file.startsWith(`${folder}/`)));
  const manifests = ['package.json', ...trace.scopes.map(({ folder }) => posix.join(folder, 'package.json'))];
  const lock = existsSync(join(trace.root, 'package-lock.json')) ? ['package-lock.json'] : [];
  const paths = [...new Set([...folders.map((folder) => `${folder}/**`), ...files, ...manifests, ...lock])].sort();
  const build = [
    command,
    'build',
    name,
    '--profile',
    deployment.profile,
    ...(config ? ['--config', config] : []),
    '--out',
    `build/${name}`,
  ];
  return {
    name: `${deployment.name} ${name}`,
    on: { push: { branches: ['main'], paths }, pull_request: { paths } },
    permissions: { contents: 'read' },
    concurrency: { group: `${deployment.name}-${name}-\${{ github.ref }}`, 'cancel-in-progress': true },
    jobs: {
      [name]: {
        'runs-on': 'ubuntu-24.04',
        'timeout-minutes': 30,
        steps: [
          { uses: 'actions/checkout@v4' },
          { uses: 'actions/setup-node@v4', with: { 'node-version': deployment.config.node, cache: 'npm' } },
          { run: lock.length > 0 ? 'npm ci' : 'npm install' },
          ...(folders.length === 0 ? [] : [{ name: 'Test', run: [deployment.config.test, ...folders].join(' ') }]),
          ...(contracts === undefined
            ? []
            : process.services.map((service) => ({
                name: `Contract of ${service}`,
                run: `${command} contracts ${service} --against ${posix.join(contracts, `${service}.json`)}`,
              }))),
          { name: 'Build', run: build.join(' ') },
          {
            name: 'Image',
            run: `docker build -t ${imageOf(deployment, name)} -f ${posix.join(dockerfiles, `${name}.Dockerfile`)} build/${name}`,
          },
        ],
      },
    },
  };
}

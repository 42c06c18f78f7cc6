import type { Command } from 'commander';
import { CliError } from './client.ts';
import { fromProject, loadTopology } from './project.ts';

interface MoveOptions {
  readonly to: string;
  readonly topology: string;
  readonly profile?: string;
  readonly schema?: string;
}

/** Adds `ramet move payments --to postgres://…`, which copies all rows of a service into another store while none of its processes runs. */
export function addMove(program: Command): void {
  program
    .command('move <service>')
    .description(
      'copy all rows of a service into another store; stop its processes first, and name the new store in the topology afterwards',
    )
    .requiredOption('--to <store>', 'postgres://user:password@host/database, or sqlite:<folder>')
    .option('--topology <file>', 'the topology of the project', 'topology.ts')
    .option('--profile <name>', 'the profile that names the old store')
    .option('--schema <name>', 'the PostgreSQL schema of the new store (default: the name of the service)')
    .action(async (service: string, { to, topology, profile, schema }: MoveOptions) => {
      const { moveService } = await fromProject<typeof import('ramet/runtime')>('ramet/runtime');
      const target = await storeAt(to, schema);
      try {
        const moved = await moveService(await loadTopology(topology), {
          service,
          ...(profile === undefined ? {} : { profile }),
          to: target,
          onCopied: ({ name, rows, checksum }) =>
            void process.stdout.write(`${name.padEnd(32)} ${String(rows).padStart(10)} rows  ${checksum}\n`),
        });
        const rows = moved.reduce((sum, table) => sum + table.rows, 0);
        process.stdout.write(
          `${rows} rows of '${service}' in ${moved.length} tables are equal in both stores. Name the new store in the topology; no process can start on the old one.\n`,
        );
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        throw new CliError(error.message);
      }
    });
}

type Store = Parameters<typeof import('ramet/runtime').moveService>[1]['to'];

async function storeAt(to: string, schema: string | undefined): Promise<Store> {
  if (/^postgres(ql)?:\/\//.test(to)) {
    const { postgres } = await fromProject<typeof import('ramet/store/postgres')>('ramet/store/postgres');
    return (partitions) => postgres(to, { partitions, ...(schema === undefined ? {} : { schema }) });
  }
  const [, folder] = /^sqlite:(.+)$/.exec(to) ?? [];
  if (folder === undefined)
    throw new CliError(`'${to}' is not a store: write --to postgres://user:password@host/database, or --to sqlite:<folder>`);
  const { sqlite } = await fromProject<typeof import('ramet/store/sqlite')>('ramet/store/sqlite');
  return () => sqlite(folder);
}

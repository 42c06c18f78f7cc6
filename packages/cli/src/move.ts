import type { Command } from 'commander';
import { CliError } from './client.ts';
import { fromProject, loadTopology } from './project.ts';

interface MoveOptions {
  readonly to: string;
  readonly topology: string;
  readonly profile?: string;
  readonly schema?: string;
}

/** `ramet move payments --to postgres://…`: all rows of one service into another store, while none of its processes runs. */
export function addMove(program: Command): void {
  program
    .command('move <service>')
    .description(
      'copy everything of a service into another store; stop its processes before, and name the new store in the topology afterwards',
    )
    .requiredOption('--to <store>', 'postgres://user:password@host/database, or sqlite:<folder>')
    .option('--topology <file>', 'the topology of the project', 'topology.ts')
    .option('--profile <name>', 'the profile whose store the rows leave')
    .option('--schema <name>', 'the PostgreSQL schema they come into (default: the name of the service)')
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
          `${rows} rows of '${service}' in ${moved.length} tables are the same on both sides. Name the new store in the topology; nobody can start on the old one.\n`,
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
    throw new CliError(`'${to}' is no store: write --to postgres://user:password@host/database, or --to sqlite:<folder>`);
  const { sqlite } = await fromProject<typeof import('ramet/store/sqlite')>('ramet/store/sqlite');
  return () => sqlite(folder);
}

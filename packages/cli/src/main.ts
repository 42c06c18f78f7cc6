import { join } from 'node:path';
import { Command } from 'commander';
import { CliError } from './client.ts';
import { addDeploy } from './deploy.ts';
import { addMove } from './move.ts';
import { addNew } from './new.ts';
import { addOperate } from './operate.ts';

const program = new Command('ramet')
  .description('Watches and operates a running Ramet process, and the processes it is connected with, over its admin interface')
  .option('--admin <url>', 'address of the admin interface', `http://127.0.0.1:${process.env['ADMIN_PORT'] || 3001}`)
  .option('--token-file <file>', 'file that holds its token', join(process.env['DATA_DIR'] || '.data', 'admin.token'))
  .option('--json', 'print the answer of the process as JSON');

addOperate(program);
addDeploy(program);
addMove(program);
addNew(program);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CliError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

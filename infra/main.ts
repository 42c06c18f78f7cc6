import { join } from 'node:path';
import {
  ENGINE_NAMES,
  ENGINES,
  type EngineName,
  engineAddress,
  installEngine,
  restartEngine,
  startEngine,
  stopEngine,
  wipeEngine,
} from './engines.ts';

/** `npm run infra -- <command> [engine …]`: engines for development, kept below `.infra/` until they are wiped. */
const USAGE = `npm run infra -- <command> [${ENGINE_NAMES.join(' | ')} …]

  install   fetches or builds what is missing; all engines unless some are named
  up        starts what does not run; all engines unless some are named
  down      stops it; the data stays
  restart   stops and starts the named ones; with --immediate as after a crash
  wipe      stops it and removes its data
  status    says what runs, and where
  env       prints the addresses as settings: eval "$(npm run --silent infra -- env)"

Folders are below .infra/ of the repository, or RAMET_INFRA_DIR.`;

const home = process.env.RAMET_INFRA_DIR ?? join(import.meta.dirname, '..', '.infra');
const folderOf = (name: EngineName) => join(home, name);

async function up(names: readonly EngineName[]): Promise<void> {
  await each(names, async (name) => console.log(`${name.padEnd(9)} ${await startEngine(name, folderOf(name))}`));
}

async function status(names: readonly EngineName[]): Promise<void> {
  for (const name of names) console.log(`${name.padEnd(9)} ${(await engineAddress(name, folderOf(name))) ?? 'does not run'}`);
}

async function env(names: readonly EngineName[]): Promise<void> {
  for (const name of names) {
    const address = await engineAddress(name, folderOf(name));
    if (address !== undefined) console.log(`export ${ENGINES[name].setting}='${address}'`);
  }
}

/** All at once; when some fail, the others still finish, and every failure is reported. */
async function each(names: readonly EngineName[], work: (name: EngineName) => Promise<unknown>): Promise<void> {
  const results = await Promise.allSettled(names.map(work));
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []));
  for (const { message } of failures) console.error(message);
  if (failures.length > 0) process.exitCode = 1;
}

const [command = '', ...words] = process.argv.slice(2);
const immediate = words.includes('--immediate');
const given = words.filter((word) => word !== '--immediate');
const stranger = given.find((word) => !(word in ENGINES));
const names = given.length > 0 ? (given as EngineName[]) : ENGINE_NAMES;

if (stranger !== undefined) {
  console.error(`there is no engine '${stranger}': take ${ENGINE_NAMES.join(', ')}`);
  process.exitCode = 64;
} else if (command === 'install') await each(names, installEngine);
else if (command === 'up') await up(names);
else if (command === 'down') await each(names, (name) => stopEngine(name, folderOf(name)));
else if (command === 'wipe') await each(names, (name) => wipeEngine(name, folderOf(name)));
else if (command === 'restart' && given.length > 0) {
  await each(names, (name) => restartEngine(name, folderOf(name), immediate ? 'immediate' : undefined));
} else if (command === 'status') await status(names);
else if (command === 'env') await env(names);
else {
  console.error(USAGE);
  process.exitCode = 64;
}

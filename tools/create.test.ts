import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeBlocks } from './checks/markdown.ts';
import { run } from './run.ts';

/** A newcomer does what docs/first-service.md says, with the packed packages, in a folder where nothing of the repository is. */
const root = join(import.meta.dirname, '..');
const work = mkdtempSync(join(tmpdir(), 'ramet-newcomer-'));
const project = join(work, 'my-app');
const MINUTE = 60_000;
/** In the order in which the page packs them. */
const PACKAGES = ['ramet', 'deploy', 'create-ramet', 'cli'];
const { version: VERSION } = JSON.parse(readFileSync(join(root, 'packages/ramet/package.json'), 'utf8')) as { version: string };
const children = new Set<ChildProcess>();

beforeAll(async () => {
  await packAll();
  const create = `./create-ramet-${VERSION}.tgz`;
  await succeed('npm', ['exec', '--yes', '--package', create, 'create-ramet', 'my-app', '--', '--ramet', `./ramet-${VERSION}.tgz`], work);
  await succeed('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], project);
}, 4 * MINUTE);

afterAll(async () => {
  // What npm started is in its process group.
  for (const { pid } of children) if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  rmSync(work, { recursive: true, force: true, maxRetries: 5 });
});

test('a newcomer’s first booking survives kill -9 in the middle', { timeout: 2 * MINUTE }, async () => {
  const nights = ['2027-06-01', '2027-06-02', '2027-06-03'];
  const before = await startApp();
  const bookingId = await before.book('12', nights);
  const held = await until(before.nights, (answer) => answer.length > 0);
  await before.kill();
  expect(held.length, 'the kill came too late').toBeLessThan(nights.length);

  const after = await startApp();
  expect((await after.ended(bookingId)).status).toBe('confirmed');
  expect(await after.nights()).toEqual(nights);
  await after.kill();
});

test('a booking that is refused gives back what it had, also when it is killed on the way', { timeout: 2 * MINUTE }, async () => {
  const before = await startApp();
  const bookingId = await before.book('12', ['2027-05-30', '2027-05-31', '2027-06-01']);
  await until(before.nights, (answer) => answer.includes('2027-05-30'));
  await before.kill();

  const after = await startApp();
  expect(await after.ended(bookingId)).toMatchObject({ status: 'cancelled', reason: 'Taken' });
  expect(await after.nights()).toEqual(['2027-06-01', '2027-06-02', '2027-06-03']);
  await after.kill();
});

test('the ramet command is part of the project', { timeout: 2 * MINUTE }, async () => {
  const graph = await succeed('npx', ['--no-install', 'ramet', 'graph'], project);
  expect(graph).toContain('"bookings"');
  await succeed('npx', ['--no-install', 'ramet', 'saga', 'list', '--help'], project);
});

test('the project has its own tests and types in order', { timeout: 2 * MINUTE }, async () => {
  await succeed('npm', ['run', 'types'], project);
  const tests = await succeed('npm', ['test'], project);
  expect(tests).toContain('a booking survives kill -9 in the middle');
  expect(tests).toContain('whatever fails, a booking has all its nights or none');
});

test('the project’s simulation finds a mistake and says how to run it again', { timeout: 2 * MINUTE }, async () => {
  const file = 'test/simulation.test.ts';
  const right = readFileSync(join(project, file), 'utf8');
  write(file, right.replace('place(stay, { key: guest })', 'place(stay)'));
  const { ok, output } = await run('npm', ['run', 'simulate'], { root, cwd: project });
  write(file, right);
  expect(ok, output).toBe(false);
  expect(output).toMatch(/BROKEN a guest has one booking: \w+ has more than one booking/);
  expect(output).toMatch(/replay: await replay\(topology, simulation, \{ seed: '\d+', deployment: '\w+', faults: \[/);
});

test('the changes of the page give a saga with one step more, with its undo and its test', { timeout: 2 * MINUTE }, async () => {
  const page = readFileSync(join(root, 'docs/first-service.md'), 'utf8');
  const contract = 'services/bookings/contract.ts';
  for (const { file, language, text } of codeBlocks(page)) {
    if (language === 'sql') write('services/rooms/migrations/0002_create_cards.sql', text);
    if (file === contract)
      expect(text.replace(/^.*\n/, ''), 'the page shows another contract').toBe(readFileSync(join(project, contract), 'utf8'));
    else if (file !== undefined) write(file, text);
  }
  await succeed('npm', ['run', 'types'], project);
  expect(await succeed('npm', ['test'], project)).toContain('a card is printed once');

  const app = await startApp();
  const booked = await app.book('14', ['2027-05-01']);
  expect((await app.ended(booked)).status).toBe('confirmed');
  expect((await app.ended(await app.book('14', ['2027-04-30', '2027-05-01']))).status).toBe('cancelled');
  expect((await app.get('/rooms/14')).cards).toEqual([booked]);
  await app.kill();
});

/** Packs a copy of the four packages, because another test may build the packages themselves at this moment. */
async function packAll(): Promise<void> {
  const copy = join(work, 'repository');
  const made = /[/\\](dist|node_modules)$/;
  for (const path of ['packages', 'tools', 'tsconfig.json', 'package.json', 'README.md', 'LICENSE'])
    cpSync(join(root, path), join(copy, path), { recursive: true, filter: (from) => !made.test(from) });
  const modules = join(copy, 'node_modules');
  mkdirSync(join(modules, '@ramet'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules')))
    if (!['@ramet', 'ramet', 'create-ramet'].includes(name)) symlinkSync(join(root, 'node_modules', name), join(modules, name), 'junction');
  for (const name of PACKAGES)
    symlinkSync(join(copy, 'packages', name), join(modules, ['cli', 'deploy'].includes(name) ? `@ramet/${name}` : name), 'junction');
  await succeed('npm', ['pack', ...PACKAGES.flatMap((name) => ['-w', `packages/${name}`]), '--pack-destination', work], copy);
  rmSync(copy, { recursive: true });
}

async function succeed(command: string, args: readonly string[], cwd: string): Promise<string> {
  const { output, ok } = await run(command, args, { root, cwd });
  expect(ok, `${command} ${args.join(' ')}\n${output}`).toBe(true);
  return output;
}

/** `npm start`, as the page says, on free ports and with a hotel that thinks for 300 ms. */
async function startApp() {
  const PATH = `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`;
  const env = { ...process.env, PATH, NODE_OPTIONS: '', PORT: '0', ADMIN_PORT: '0', THINKING_MS: '300' };
  const child = spawn('npm', ['start'], { cwd: project, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  children.add(child);
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  child.once('close', () => children.delete(child));
  const url = await new Promise<string>((resolve, reject) => {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on('line', (line) => {
        output += `${line}\n`;
        if (line.startsWith('ready ')) resolve(line.slice('ready '.length));
      });
    }
    child.once('close', () => reject(new Error(`the app ended before it was ready:\n${output}`)));
  });
  const get = async (path: string) => (await fetch(url + path)).json() as Promise<any>;
  return {
    get,
    nights: async (): Promise<string[]> => (await get('/rooms/12')).nights.map(({ night }: { night: string }) => night),
    ended: (bookingId: string): Promise<any> =>
      until(
        () => get(`/bookings/${bookingId}`),
        ({ status }) => status === 'confirmed' || status === 'cancelled',
      ),
    async book(room: string, nights: readonly string[]): Promise<string> {
      const body = JSON.stringify({ guest: 'Ada', room, nights });
      const answer = await fetch(`${url}/bookings`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      return ((await answer.json()) as { bookingId: string }).bookingId;
    },
    async kill() {
      process.kill(Number(readFileSync(join(project, '.data/app.pid'), 'utf8')), 'SIGKILL');
      await ended;
    },
  };
}

async function until<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  for (const giveUpAt = performance.now() + 30_000; ; ) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    if (performance.now() > giveUpAt) throw new Error(`waited in vain; the last answer was ${JSON.stringify(answer)}`);
    await sleep(20);
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(project, path)), { recursive: true });
  writeFileSync(join(project, path), text);
}

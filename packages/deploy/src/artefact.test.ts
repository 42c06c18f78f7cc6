import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generateIdentityKey } from 'ramet';
import { realPlatform } from 'ramet/platform';
import { afterEach, expect, test } from 'vitest';
import { linkPackages, writeArtefact } from './artefact.ts';
import { freePort, project, scratch } from './fixtures/project.fixture.ts';
import { type Trace, traceProcess } from './trace.ts';

const GRAPH = { orders: ['orders', 'payments'], payments: ['payments'], web: ['orders'] };
const env = { PEERS: '{}' };
const conditions = ['ramet-source'];

async function build(root: string, process: string): Promise<{ out: string; trace: Trace; files: string[] }> {
  const trace = await traceProcess({ topologyFile: join(root, 'topology.ts'), profile: 'services', process, env, conditions });
  const out = join(scratch(), process);
  writeArtefact({ trace, profile: 'services', process, graph: GRAPH, contracts: {}, version: '7', out });
  return { out, trace, files: filesOf(out) };
}

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

test('the artefact of a process holds what it loads and names, and nothing of its neighbours but their contracts', async () => {
  const { out, files, trace } = await build(project(), 'orders');
  expect(trace.warnings).toEqual([expect.stringMatching(/orders\/service\.ts imports 'not-installed' when it needs it/)]);
  expect(files).toEqual([
    'artefact.json',
    'contracts.json',
    'graph.json',
    'package.json',
    'profiles.ts',
    'ramet.main.mjs',
    'services/orders/contract.ts',
    'services/orders/migrations/0001_orders.sql',
    'services/orders/service.ts',
    'services/orders/words.ts',
    'services/orders/words.txt',
    'services/payments/contract.ts',
    'topology.ts',
  ]);
  const version = (name: string) => JSON.parse(readFileSync(join(import.meta.dirname, '../../..', name, 'package.json'), 'utf8')).version;
  expect(JSON.parse(readFileSync(join(out, 'package.json'), 'utf8'))).toEqual({
    name: 'orders',
    version: '7',
    private: true,
    type: 'module',
    engines: { node: '>=24' },
    scripts: { start: 'node -C ramet-source ramet.main.mjs' },
    dependencies: { ramet: version('packages/ramet'), zod: version('node_modules/zod') },
  });
  expect(JSON.parse(readFileSync(join(out, 'graph.json'), 'utf8'))).toEqual(GRAPH);
});

test('a gateway’s artefact has its site, and no service', async () => {
  const { files } = await build(project(), 'web');
  expect(files).toContain('site/index.html');
  expect(files.filter((file) => file.endsWith('service.ts'))).toEqual([]);
});

test('a folder that is to be served and is not there is named', async () => {
  const root = project({
    'gateways/web.ts': `import { gateway, site } from 'ramet'; export default gateway('web', { routes: [site({ folder: new URL('../dist/', import.meta.url) })] });`,
  });
  await expect(build(root, 'web')).rejects.toThrow('dist is served or read at the start, and is not there: build it first');
});

test('what keeps a topology from being loaded is said as it was', async () => {
  await expect(
    traceProcess({ topologyFile: join(project(), 'topology.ts'), profile: 'services', process: 'orders', env: { PEERS: '' }, conditions }),
  ).rejects.toThrow("process 'orders' cannot be loaded: PEERS is not set");
});

test('a folder that is not an artefact is not overwritten, and an earlier artefact is replaced', async () => {
  const root = project();
  const trace = await traceProcess({ topologyFile: join(root, 'topology.ts'), profile: 'services', process: 'orders', env, conditions });
  const given = { trace, profile: 'services', process: 'orders', graph: GRAPH, contracts: {}, version: '7' };
  expect(() => writeArtefact({ ...given, out: root })).toThrow('holds something that is not an artefact');
  const out = join(scratch(), 'orders');
  writeArtefact({ ...given, out });
  writeFileSync(join(out, 'left-over.ts'), '');
  writeArtefact({ ...given, out });
  expect(existsSync(join(out, 'left-over.ts'))).toBe(false);
});

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }
});

test('three artefacts make a running shop: each is started by its own command, in its own folder', async () => {
  const root = project();
  const names = ['payments', 'orders', 'web'];
  const built = new Map<string, string>();
  for (const name of names) {
    const { out, trace } = await build(root, name);
    linkPackages(trace, out);
    built.set(name, out);
  }
  const [ordersPort, paymentsPort] = await Promise.all([freePort(), freePort()]);
  const peers = JSON.stringify({ orders: [`127.0.0.1:${ordersPort}`], payments: [`127.0.0.1:${paymentsPort}`] });
  const keys = new Map(names.map((name) => [name, generateIdentityKey(realPlatform())]));
  const secrets = scratch();
  writeFileSync(
    join(secrets, 'identities.json'),
    JSON.stringify(Object.fromEntries([...keys].map(([name, { publicKey }]) => [name, [publicKey]]))),
  );
  const started = new Map<string, { port: number; probesPort: number }>();
  for (const name of names) {
    mkdirSync(join(secrets, name));
    writeFileSync(join(secrets, name, 'identity-key'), keys.get(name)?.privateKey ?? '');
    const rpcPort = name === 'orders' ? ordersPort : name === 'payments' ? paymentsPort : 0;
    started.set(
      name,
      await begin(built.get(name) ?? '', {
        ...{
          PEERS: peers,
          DATA_DIR: join(secrets, name),
          SECRETS_DIR: join(secrets, name),
          IDENTITIES_FILE: join(secrets, 'identities.json'),
        },
        ...{ RPC_PORT: String(rpcPort), PORT: '0', LOG_LEVEL: 'warn', DRAIN_DELAY_MS: '0' },
      }),
    );
  }
  const answer = await fetch(`http://127.0.0.1:${started.get('web')?.port}/quote/500`);
  expect([answer.status, await answer.json()]).toEqual([200, { due: 550, words: 'to be paid' }]);
  expect((await fetch(`http://127.0.0.1:${started.get('orders')?.probesPort}/readyz`)).status).toBe(200);
});

const ENGINES = {
  'engines.ts': `
import { embedded } from 'ramet/bus/embedded';
import { kafka } from 'ramet/bus/kafka';
import { postgres } from 'ramet/store/postgres';
import { postgresBus } from 'ramet/bus/postgres';
import { redis } from 'ramet/limits/redis';
import { sqlite } from 'ramet/store/sqlite';
/** All adapters are loaded, and this process needs no engine to start. */
export const adapters = [kafka, postgres, postgresBus, redis];
export const engines = () => ({ store: sqlite(process.env.DATA_DIR || '.data'), bus: embedded() });
`,
  'topology.ts': `
import { topology } from 'ramet/runtime';
import { engines } from './engines.ts';
export default topology({
  services: {
    orders: () => import('./services/orders/service.ts'),
    payments: () => import('./services/payments/service.ts'),
  },
  profiles: { services: engines },
});
`,
};

test('an artefact needs the optional peers that its adapters import, and starts with what its package.json installs', async () => {
  const root = project(ENGINES);
  const trace = await traceProcess({ topologyFile: join(root, 'topology.ts'), profile: 'services', env, conditions });
  const out = join(scratch(), 'all');
  writeArtefact({ trace, profile: 'services', graph: GRAPH, contracts: {}, version: '7', out });
  const { dependencies } = JSON.parse(readFileSync(join(out, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  expect(Object.keys(dependencies)).toEqual(['@platformatic/kafka', 'pg', 'ramet', 'redis', 'zod']);
  install(out);
  await begin(out, { DATA_DIR: scratch(), PORT: '0', LOG_LEVEL: 'warn', DRAIN_DELAY_MS: '0' });
});

/** Does what an installation does: the folder has the packages of its package.json, what these bring, and no others. */
function install(out: string): void {
  const repository = join(import.meta.dirname, '../../..');
  const manifestOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { dependencies?: object };
  // Copied, so that what it imports is looked for here.
  cpSync(join(repository, 'packages/ramet/package.json'), join(out, 'framework/package.json'), { recursive: true });
  cpSync(join(repository, 'packages/ramet/src'), join(out, 'framework/src'), { recursive: true });
  const waiting = Object.keys(manifestOf(out).dependencies ?? {});
  for (const name of waiting) {
    const from = name === 'ramet' ? join(out, 'framework') : join(repository, 'node_modules', name);
    // What lies within a package comes with it.
    const besides = Object.keys(manifestOf(from).dependencies ?? {}).filter((more) => !existsSync(join(from, 'node_modules', more)));
    for (const more of besides) if (!waiting.includes(more)) waiting.push(more);
    mkdirSync(dirname(join(out, 'node_modules', name)), { recursive: true });
    if (existsSync(from)) symlinkSync(from, join(out, 'node_modules', name), 'dir');
  }
}

test('a process says all that its environment lacks, and ends', async () => {
  const { out, trace } = await build(project(), 'orders');
  linkPackages(trace, out);
  const ended = await begin(out, { ...env, PORT: 'http', RPC_PORT: '70000' }).catch((error: Error) => error.message);
  for (const said of ["RPC_PORT is '70000'", 'IDENTITIES_FILE is not set', "the secret 'identity-key' is missing"])
    expect(ended).toContain(said);
});

/** Runs an artefact by the command that it names. @throws Error with what it printed when it ends before it is ready */
function begin(folder: string, variables: Record<string, string>): Promise<{ port: number; probesPort: number }> {
  const [, ...args] = (JSON.parse(readFileSync(join(folder, 'artefact.json'), 'utf8')) as { start: string[] }).start;
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...variables },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let printed = '';
  child.stdout?.on('data', (text) => (printed += text));
  child.stderr?.on('data', (text) => (printed += text));
  return new Promise((resolve, reject) => {
    child.once('message', (message) => {
      children.push(child);
      resolve(message as { port: number; probesPort: number });
    });
    child.once('close', () => reject(new Error(printed)));
  });
}

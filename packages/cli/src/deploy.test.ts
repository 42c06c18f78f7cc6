import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const bin = fileURLToPath(new URL('../bin/ramet.js', import.meta.url));
const repository = fileURLToPath(new URL('../../../', import.meta.url));
const execute = promisify(execFile);

/** The project that `ramet new` makes. */
let cwd: string;
beforeAll(async () => {
  const parent = realpathSync(mkdtempSync(join(tmpdir(), 'ramet-cli-deploy-')));
  await execute(process.execPath, ['-C', 'ramet-source', bin, 'new', 'hotel', '--ramet', '0.1.0'], { cwd: parent });
  cwd = join(parent, 'hotel');
  mkdirSync(join(cwd, 'node_modules'), { recursive: true });
  for (const [name, at] of [
    ['ramet', 'packages/ramet'],
    ['zod', 'node_modules/zod'],
  ] as const)
    symlinkSync(join(repository, at), join(cwd, 'node_modules', name));
});
afterAll(() => rmSync(join(cwd, '..'), { recursive: true, force: true }));

const ramet = (...args: string[]) =>
  execute(process.execPath, ['-C', 'ramet-source', bin, ...args], { cwd }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );

test('ramet graph prints the graph of a new project', async () => {
  const { stdout } = await ramet('graph');
  expect(Object.keys(JSON.parse(stdout))).not.toHaveLength(0);
});

test('a new project is built as one process, with a Dockerfile', async () => {
  expect(await ramet('build', '--profile', 'monolith', '--out', 'build')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/files in build/),
  });
  const { dependencies } = JSON.parse(readFileSync(join(cwd, 'build/package.json'), 'utf8'));
  expect(dependencies).toMatchObject({ ramet: '0.1.0' });
  expect(existsSync(join(cwd, 'build/topology.ts'))).toBe(true);
  expect(await ramet('generate', 'docker', '--profile', 'monolith', '--out', 'deploy')).toMatchObject({ code: 0 });
  expect(readdirSync(join(cwd, 'deploy'))).toContain('monolith.Dockerfile');
});

test('a contract that breaks its callers is named, and ends with 1', async () => {
  const { stdout } = await ramet('contracts');
  writeFileSync(join(cwd, 'deployed.json'), stdout);
  expect(await ramet('contracts', '--against', 'deployed.json')).toMatchObject({ code: 0 });
  const deployed = JSON.parse(stdout);
  const [name = ''] = Object.keys(deployed);
  deployed[name].operations.gone = { kind: 'query', input: {}, output: {}, errors: {} };
  writeFileSync(join(cwd, 'deployed.json'), JSON.stringify(deployed));
  expect(await ramet('contracts', '--against', 'deployed.json')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`${name}.gone is gone`),
  });
});

test('what is missing is named, without a stack', async () => {
  for (const [args, said] of [
    [['build', '--profile', 'servces', '--out', 'x'], "profile 'servces' is not in the topology; it has monolith"],
    [['graph', '--topology', 'nowhere.ts'], 'there is no topology at'],
    [['graph', '--topology', 'services/rooms/contract.ts'], 'it exports no topology as its default'],
    [['contracts', '--against', 'package.json'], "package.json is not a print of 'ramet contracts' (its 'name' is not a contract)"],
    [['generate', 'kubernetes', '--profile', 'monolith', '--out', 'x'], "profile 'monolith' is one process"],
    [['build', '--profile', 'monolith', '--config', 'deploy.yaml', '--out', 'x'], 'there is no deploy.yaml'],
  ] as const) {
    const { code, stderr } = await ramet(...args);
    expect([code, stderr]).toEqual([1, expect.stringContaining(said)]);
    expect(stderr).not.toContain('    at ');
  }
});

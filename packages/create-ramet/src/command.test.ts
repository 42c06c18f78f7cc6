import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { create } from './command.ts';

let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'create-ramet-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

interface Situation {
  readonly isTTY?: boolean;
  readonly env?: Record<string, string>;
  readonly answer?: string;
  readonly nodeVersion?: string;
}

async function call(args: string[], { isTTY = false, env = {}, answer, nodeVersion = '24.21.0' }: Situation = {}) {
  const input = Object.assign(new PassThrough(), { isTTY });
  const output = Object.assign(new PassThrough(), { isTTY });
  const errors = new PassThrough();
  if (answer !== undefined) input.write(`${answer}\n`);
  const code = await create(args, { cwd, env, input, output, errors, nodeVersion });
  return { code, said: String(output.read() ?? ''), failed: String(errors.read() ?? '') };
}

test('the command says what to do next', async () => {
  const { code, said } = await call(['hotel']);
  expect(code).toBe(0);
  expect(said).toBe('Created hotel. Next:\n\n  cd hotel\n  npm install\n  npm start\n\nREADME.md says what to try next.\n');
});

test('on a Node that is too old the command says which one the project needs', async () => {
  expect((await call(['a'], { nodeVersion: '20.20.2' })).said).toMatch(/Node 22\.19 or later, this is 20\.20\.2.*nvm install 24/);
  expect((await call(['b'], { nodeVersion: '22.18.9' })).said).toMatch(/22\.19/);
  for (const [folder, nodeVersion] of [['c', '22.19.0'] as const, ['d', '24.0.0'] as const])
    expect((await call([folder], { nodeVersion })).said).not.toMatch(/22\.19/);
});

test('a person at a terminal chooses the folder, and Enter takes the proposal', async () => {
  expect((await call([], { isTTY: true, answer: 'hotel' })).code).toBe(0);
  expect((await call([], { isTTY: true, answer: '' })).code).toBe(0);
  expect(readdirSync(cwd).sort()).toEqual(['hotel', 'my-app']);
});

test('a closed input creates nothing, and the command ends', async () => {
  const input = Object.assign(new PassThrough(), { isTTY: true });
  const output = Object.assign(new PassThrough(), { isTTY: true });
  input.end();
  expect(await create([], { cwd, env: {}, input, output, errors: new PassThrough(), nodeVersion: '24.21.0' })).toBe(1);
  expect(readdirSync(cwd)).toEqual([]);
});

test.each([
  ['in CI', { isTTY: true, env: { CI: 'true' } }],
  ['behind a pipe', { isTTY: false }],
])('%s there is no question', async (_, situation) => {
  const { code, said, failed } = await call([], situation);
  expect({ code, said }).toEqual({ code: 1, said: '' });
  expect(failed).toBe('Name the folder of the project: npm create ramet my-app\n');
});

test('a mistake is reported without a stack, and creates nothing', async () => {
  for (const args of [['Hotel'], ['a', 'b'], ['a', '--rammet', '1']]) {
    const { code, failed } = await call(args);
    expect(code, args.join(' ')).toBe(1);
    expect(failed).not.toMatch(/\n {4}at /);
  }
  expect((await call(['a', '--rammet', '1'])).failed).toMatch(/--rammet[\s\S]*--ramet <version>/);
  expect(readdirSync(cwd)).toEqual([]);
});

test('help and version', async () => {
  expect((await call(['--help'])).said).toMatch(/^npm create ramet <folder>\n/);
  expect((await call(['--version'])).said).toMatch(/^\d+\.\d+\.\d+\n$/);
});

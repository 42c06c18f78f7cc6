import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../../../..');
const folder = mkdtempSync(join(tmpdir(), 'ramet-runners-'));
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const runners = {
  'node --test': { runner: 'node:test', args: ['--test', '--test-reporter=tap'] },
  vitest: {
    runner: 'vitest',
    args: [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder, '--maxWorkers=1', '--testTimeout=60000'],
  },
};

/** What stands in a test file of a user, whichever runner they have. */
const head = (runner: string) => `
import { test } from '${runner}';
import assert from 'node:assert/strict';
import { coins } from '${join(import.meta.dirname, 'fixtures/coins.fixture.ts')}';
import { simulate } from '${join(import.meta.dirname, 'index.ts')}';
const { topology, ...simulation } = coins();
`;

describe.each(Object.entries(runners))('under %s', (_name, { runner, args }) => {
  test('a run whose processes are killed again and again passes', async () => {
    const file = write(
      runner,
      `test('kept', async () => {
        const report = await simulate(topology, { ...simulation, seeds: 60, faults: { kill: 5 } });
        assert.deepEqual(report.failures, []);
        assert.ok(report.faults.kill > 20);
      });`,
    );
    const { ok, output } = await ended([...args, file]);
    expect(ok, output).toBe(true);
  });

  test('what a living process leaves unhandled fails the run and not the runner', async () => {
    const file = write(
      runner,
      `test('reported', async () => {
        const left = coins({ count: async () => void Promise.reject(new Error('left behind')) });
        const { failures } = await simulate(left.topology, { ...simulation, seeds: 1, keepFaults: true });
        assert.match(failures[0].violations.find(({ id }) => id === 'uncaught').detail, /left behind/);
      });`,
    );
    const { ok, output } = await ended([...args, file]);
    expect(ok, output).toBe(true);
  });

  test('what the test itself leaves unhandled while a simulation runs still fails the test', async () => {
    const file = write(
      runner,
      `test('careless', async () => {
        setTimeout(() => Promise.reject(new Error('of the test')), 20);
        await simulate(topology, { ...simulation, seeds: 20 });
      });`,
    );
    const { ok, output } = await ended([...args, file]);
    expect(output).toContain('of the test');
    expect(ok, output).toBe(false);
  });
});

let files = 0;

function write(runner: string, text: string): string {
  const file = join(folder, `${++files}.test.ts`);
  writeFileSync(file, head(runner) + text);
  return file;
}

function ended(args: readonly string[]): Promise<{ ok: boolean; output: string }> {
  const child = spawn(process.execPath, ['-C', 'ramet-source', '--disable-warning=ExperimentalWarning', ...args], { cwd: folder });
  return new Promise((resolve, reject) => {
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ ok: code === 0, output }));
  });
}

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const bin = fileURLToPath(new URL('../bin/ramet.js', import.meta.url));
const execute = promisify(execFile);
let cwd: string;
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'ramet-new-'));
});
afterEach(() => rmSync(cwd, { recursive: true, force: true }));

const ramet = (...args: string[]) => execute(process.execPath, ['-C', 'ramet-source', bin, ...args], { cwd });

test('ramet new creates a project', async () => {
  const { stdout } = await ramet('new', 'hotel', '--ramet', '0.1.0');
  expect(stdout).toMatch(/^Created hotel/);
  expect(JSON.parse(readFileSync(join(cwd, 'hotel/package.json'), 'utf8'))).toMatchObject({
    name: 'hotel',
    dependencies: { ramet: '0.1.0' },
  });
});

test('ramet new has its own help', async () => {
  expect((await ramet('new', '--help')).stdout).toMatch(/^ramet new <folder>\n[\s\S]*--ramet <version>/);
});

test('ramet new ends with 1 and proposes a name when it cannot use the given one', async () => {
  const failed = await ramet('new', 'Hotel').catch((error: unknown) => error as { code: number; stderr: string });
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining("Try 'hotel'") });
});

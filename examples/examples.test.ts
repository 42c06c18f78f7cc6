import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const LINES_MAX = 80;
const names = readdirSync(import.meta.dirname, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));

describe.concurrent('an example', () => {
  test.for(names)('%s prints what its expected.txt says', async (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'ramet-example-'));
    try {
      const { stdout } = await promisify(execFile)(process.execPath, ['-C', 'ramet-source', join(import.meta.dirname, name, 'main.ts')], {
        env: { ...process.env, DATA_DIR: folder },
        timeout: 55_000,
      });
      expect(stdout).toBe(readFileSync(join(import.meta.dirname, name, 'expected.txt'), 'utf8'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test.for(names)(`%s has at most ${LINES_MAX} lines`, (name) => {
    const files = readdirSync(join(import.meta.dirname, name)).filter((file) => file.endsWith('.ts'));
    const lines = files.map((file) => readFileSync(join(import.meta.dirname, name, file), 'utf8').split('\n').length - 1);
    expect(lines.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(LINES_MAX);
  });
});

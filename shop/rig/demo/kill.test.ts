import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** What differs from run to run: times, process ids. */
const without = (text: string) =>
  text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\d+\.\d s/g, 'N s')
    .replaceAll(/ord_\w+/g, 'ORDER')
    .replaceAll(/(Process|kill -9) \d+/g, '$1 PID')
    .replaceAll(/ +$/gm, '')
    .trim();

test('the demonstration ends well, and prints what README.md shows', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['-C', 'ramet-source', 'shop/rig/demo/kill.ts'], {
    cwd: root,
    timeout: 100_000,
  });
  const [, shown = ''] = /<!-- demo:kill -->\s*```text\n([\s\S]*?)```/.exec(readFileSync(`${root}/README.md`, 'utf8')) ?? [];
  expect(without(stdout)).toBe(without(shown));
  expect(stdout).toContain('One order, one charge');
}, 120_000);

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { leftUnawaited } from './fixtures/unawaited.fixture.ts';
import { expectLeft } from './fixtures/unawaited-expected.fixture.ts';

test('what a handler leaves unawaited and what fails then fails its own call, is named, and does not end the process', {
  timeout: 60_000,
}, async () => {
  using folder = temporaryFolder();
  expectLeft(await leftUnawaited(folder.path));
});

test('any other rejection that no code handles still ends the process', () => {
  const guard = fileURLToPath(new URL('./unawaited.ts', import.meta.url));
  const run = (then: string) =>
    spawnSync(
      process.execPath,
      [
        '-C',
        'ramet-source',
        '--input-type=module',
        '-e',
        `const { guardUnawaited } = await import('${guard}'); guardUnawaited(); guardUnawaited(); ${then}`,
      ],
      { encoding: 'utf8' },
    );
  const ended = run("void Promise.reject(new Error('of the user')); setTimeout(() => console.log('alive'), 100);");
  expect([ended.status, ended.stdout]).toEqual([1, '']);
  expect(ended.stderr).toContain('of the user');
  // A listener of the user decides, as before.
  const heard = run(
    "process.on('unhandledRejection', ({ message }) => console.log(message)); void Promise.reject(new Error('of the user'));",
  );
  expect([heard.status, heard.stdout]).toEqual([0, 'of the user\n']);
});

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const bin = fileURLToPath(new URL('../bin/ramet.js', import.meta.url));
const run = promisify(execFile);

test('the command says what is missing and what to do, without a stack', async () => {
  const failed = await run(process.execPath, [bin, '--token-file', '/nowhere/admin.token', 'saga', 'list']).catch(
    (error: unknown) => error as { code: number; stderr: string },
  );
  expect(failed).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('cannot read the token file /nowhere/admin.token: start the process first'),
  });
  expect((failed as { stderr: string }).stderr).not.toContain('    at ');
});

test('an action without its reason is refused before anything is asked', async () => {
  const failed = await run(process.execPath, [bin, 'saga', 'skip', 'saga_x', '--step', 'charge card']).catch(
    (error: unknown) => error as { stderr: string },
  );
  expect((failed as { stderr: string }).stderr).toContain("required option '--reason <text>' not specified");
});

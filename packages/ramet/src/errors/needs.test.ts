import { expect, test } from 'vitest';
import { builtin, nodeProblem, peer } from './index.ts';

const missing = (name: string) =>
  Object.assign(new Error(`Cannot find package '${name}' imported from /app/node_modules/ramet/dist/x.js`), {
    code: 'ERR_MODULE_NOT_FOUND',
  });

test('a missing package is reported with the adapter that needs it and the command that installs it', async () => {
  const load = () => Promise.reject(missing('pg'));
  await expect(peer('pg', 'ramet/store/postgres', load)).rejects.toMatchObject({
    code: 'Misconfigured',
    message: "'ramet/store/postgres' needs the package 'pg', which is not installed: run 'npm install pg'",
  });
  expect(await peer('pg', 'ramet/store/postgres', async () => 7)).toBe(7);
});

test('any other failure to load it is thrown unchanged', async () => {
  for (const error of [missing('pg-protocol'), new SyntaxError('pg')])
    await expect(peer('pg', 'ramet/store/postgres', () => Promise.reject(error))).rejects.toBe(error);
});

test('a Node that is too old is reported with the version to install', () => {
  for (const version of ['18.20.8', '20.19.4', '22.18.0'])
    expect(nodeProblem(version)).toMatch(`needs Node 22.19 or later, and this is ${version}`);
  for (const version of ['22.19.0', '22.21.1', '24.0.0']) expect(nodeProblem(version)).toBeUndefined();
  expect(builtin<object>('node:sqlite', 'ramet/store/sqlite')).toHaveProperty('DatabaseSync');
  expect(() => builtin('node:nothing', 'ramet/store/sqlite')).toThrow("'ramet/store/sqlite' needs 'node:nothing'");
});

import { expect, test } from 'vitest';
import { sqlite } from '../store/sqlite/index.ts';
import { startLived } from './fixtures/lived.fixture.ts';
import { scansOf } from './fixtures/plans.fixture.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';

/** Statements that may read more, and why. */
const EXCUSED: readonly (readonly [RegExp, string])[] = [
  [/select type, program_version, count\(\*\)/, 'once at a start: it counts the open sagas of each program, in an index of the open ones'],
];

test('no statement of the framework reads a whole table or a whole index', async () => {
  using folder = temporaryFolder();
  await using lived = await startLived(folder.path, sqlite(folder.path));
  await lived.live('a');
  const found: string[] = [];
  const said = [...lived.recorded.said.values()].filter(({ sql }) => !EXCUSED.some(([which]) => which.test(sql)));
  for (const { service, sql, params } of said)
    for (const scan of await scansOf(lived.recorded.store(service), sql, params)) found.push(`${scan}\n  ${sql}`);
  expect(found.join('\n')).toBe('');
  expect(said.length).toBeGreaterThan(80);
});

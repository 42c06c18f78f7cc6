import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LOG_EVENTS } from './index.ts';

const source = join(import.meta.dirname, '..');
const document = readFileSync(join(source, '../../../docs/log-events.md'), 'utf8');

test('docs/log-events.md and the table list the same events in the same order, and say the same of each', () => {
  const documented = [...document.matchAll(/^\| `(\w+)` \| (\w+) \| (.+?) \| (.+?) \| (.+?) \|$/gm)].map((row) => row.slice(1));
  expect(documented).toEqual(Object.entries(LOG_EVENTS).map(([event, { level, text, when, fix }]) => [event, level, text, when, fix]));
});

test('no event of the table is one that the framework never logs', () => {
  const named = new Set(codeFiles().flatMap((text) => [...text.matchAll(/'([a-z]+(?:_[a-z]+)+)'/g)].map(([, name]) => name as string)));
  expect(Object.keys(LOG_EVENTS).filter((event) => !named.has(event))).toEqual([]);
});

test('a text is short, in lower case and without a full stop; when and what to do are sentences', () => {
  for (const [event, { text, when, fix }] of Object.entries(LOG_EVENTS)) {
    expect(event).toMatch(/^[a-z]+(?:_[a-z]+)+$/);
    expect(`${event}: ${text}`).toMatch(/^\w+: (?:[a-z]|HTTP|queued\(\)).{5,68}[^.]$/);
    for (const sentences of [when, fix]) expect(`${event}: ${sentences}`).toMatch(/^\w+: [A-Z`].+\.$/);
  }
});

function codeFiles(): string[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !/\.(test|test-d|conformance|fixture|bench)\.ts$/.test(path))
    .filter((path) => !path.endsWith('log-events.ts'))
    .map((path) => readFileSync(join(source, path), 'utf8'));
}

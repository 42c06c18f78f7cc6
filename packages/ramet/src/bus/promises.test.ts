import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { embedded } from './embedded/index.ts';
import type { BusCapabilities } from './index.ts';
import { kafka } from './kafka/index.ts';
import { postgresBus } from './postgres/index.ts';

const ORDER: Readonly<Record<BusCapabilities['order'], string>> = {
  key: 'events of one source with one key',
  'topic-key': 'events of one type with one key',
};
const yes = (value: boolean) => (value ? 'yes' : 'no');

test('docs/buses.md says of each bus what it declares', () => {
  const buses = [embedded(), postgresBus('postgresql://nowhere'), kafka({ brokers: ['nowhere:9092'] })];
  const rows = buses.map(
    ({ capabilities: { name, order, durable, remote, replay } }) =>
      `| \`${name}\` | ${ORDER[order]} | ${yes(durable)} | ${yes(remote)} | ${yes(replay)} |`,
  );
  const document = readFileSync(new URL('../../../../docs/buses.md', import.meta.url), 'utf8');
  const documented = [...document.matchAll(/^\| `\w+` \| events .*$/gm)].map(([row]) => row);
  expect(documented).toEqual(rows);
});

import { expect, test } from 'vitest';
import type { Store } from '../store/index.ts';
import { sparing } from './slots.ts';

function storeOf(sharedCommits: number) {
  const open: { name: string | undefined; end: (error?: Error) => void }[] = [];
  const store = {
    capabilities: { sharedCommits },
    write: (_: unknown, options?: { name?: string }) =>
      new Promise<void>((resolve, reject) => {
        open.push({ name: options?.name, end: (error) => (error ? reject(error) : resolve()) });
      }),
  } as unknown as Store;
  return { store, open };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a group has two transactions open at most, and those that wait come in their order, whatever becomes of the others', async () => {
  const { store, open } = storeOf(1);
  const spared = sparing(store);
  const writes = ['a', 'b', 'c', 'd'].map((name) => spared.write(() => {}, { name }));
  const failing = expect(writes[0]).rejects.toThrow('broken');
  await turn();
  expect(open.map(({ name }) => name)).toEqual(['a', 'b']);
  open[0]?.end(new Error('broken'));
  await failing;
  await turn();
  expect(open.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  open[1]?.end();
  open[2]?.end();
  await turn();
  open[3]?.end();
  await Promise.all(writes.slice(1));
  const later = spared.write(() => {}, { name: 'e' });
  await turn();
  expect(open.at(-1)?.name).toBe('e');
  open.at(-1)?.end();
  await later;
});

test('a store that lets transactions share a commit gets all of them at once', async () => {
  const { store, open } = storeOf(16);
  const spared = sparing(store);
  for (let i = 0; i < 20; i++) void spared.write(() => {});
  await turn();
  expect(open).toHaveLength(20);
});

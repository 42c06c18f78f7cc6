import { expect, test } from 'vitest';
import type { StoreCapabilities } from './capabilities.ts';
import type { Store } from './store.ts';
import { inTurns } from './turns.ts';

const capabilities: StoreCapabilities = { name: 'it', durable: true, shared: true, sharedCommits: 1, partitions: 1, concurrent: 6 };

/** A store whose transactions end when the test says so. */
function held(more: Partial<StoreCapabilities> = {}) {
  const open: ((error?: Error) => void)[] = [];
  let most = 0;
  const store = {
    service: 'it',
    capabilities: { ...capabilities, ...more },
    write: () =>
      new Promise((resolve, reject) => {
        open.push((error) => (error ? reject(error) : resolve('done')));
        most = Math.max(most, open.length);
      }),
  } as unknown as Store;
  return { store, open, most: () => most };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('background work takes at most half of the connections, and every transaction has its turn', async () => {
  const { store, open, most } = held();
  const polite = inTurns(store);
  const all = Array.from({ length: 20 }, () => polite.write(() => undefined));
  for (let done = 0; done < 20; done++) {
    await turn();
    expect(open.length).toBeLessThanOrEqual(3);
    open.shift()?.();
  }
  expect(await Promise.all(all)).toEqual(Array(20).fill('done'));
  expect(most()).toBe(3);
});

test('a transaction that fails passes its turn on', async () => {
  const { store, open } = held({ concurrent: 1 });
  const polite = inTurns(store);
  const failing = polite.write(() => undefined);
  const next = polite.write(() => undefined);
  await turn();
  expect(open).toHaveLength(1);
  open.shift()?.(new Error('the disk is full'));
  await expect(failing).rejects.toThrow('the disk is full');
  await turn();
  open.shift()?.();
  expect(await next).toBe('done');
});

test('a store whose transactions share commits is returned unchanged', () => {
  const { store } = held();
  const { concurrent: _none, ...shared } = capabilities;
  const sqlite = { ...store, capabilities: shared } as Store;
  expect(inTurns(sqlite)).toBe(sqlite);
});

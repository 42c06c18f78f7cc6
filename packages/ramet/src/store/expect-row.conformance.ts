import { expect } from 'vitest';
import type { Case } from '../platform/cases.conformance.ts';
import { ids, insert, type OnStore } from './fixture.conformance.ts';
import { NoRowChanged, type Tx } from './index.ts';

const claim = (tx: Tx, id: string) => tx.expectRow('insert into things (id, n) values (?, 0) on conflict do nothing', id);
const raise = (tx: Tx, id: string, from: number) => tx.expectRow('update things set n = n + 1 where id = ? and n = ?', id, from);
const none = expect.any(NoRowChanged);

/** Cases about statements whose answers arrive with those of later ones. */
export function expectRowCases(it: Case, onStore: OnStore): void {
  it(
    'keeps what follows an expectRow that changed a row',
    onStore(async ({ store }) => {
      await store.write(async (tx) => {
        claim(tx, 'a');
        await insert(tx, 'b');
      });
      await store.write((tx) => claim(tx, 'c'));
      await store.write((tx) => raise(tx, 'a', 0));
      expect(await ids(store)).toEqual(['a', 'b', 'c']);
      expect(await store.reader.get("select n from things where id = 'a'")).toEqual({ n: 1 });
    }),
  );

  it(
    'keeps nothing when an expectRow changed no row, and throws NoRowChanged even if the handler catches it',
    onStore(async ({ store }) => {
      await store.write((tx) => insert(tx, 'a'));
      let reached = false;
      for (const unmet of [(tx: Tx) => claim(tx, 'a'), (tx: Tx) => raise(tx, 'a', 7), (tx: Tx) => raise(tx, 'missing', 0)]) {
        await expect(store.write(unmet)).rejects.toEqual(none);
        await expect(
          store.write(async (tx) => {
            unmet(tx);
            await insert(tx, 'b');
            reached = true;
          }),
        ).rejects.toEqual(none);
        await expect(
          store.write(async (tx) => {
            await insert(tx, 'c');
            await tx
              .savepoint(async () => {
                unmet(tx);
                await insert(tx, 'd');
              })
              .catch(() => {});
            throw new Error('what the handler makes of it');
          }),
        ).rejects.toThrow();
        const swallowed = async (tx: Tx) => {
          try {
            unmet(tx);
            await insert(tx, 'e');
          } catch {}
        };
        await expect(store.write(swallowed)).rejects.toEqual(none);
        await expect(
          store.write(async (tx) => {
            await swallowed(tx);
            throw new Error('what the handler makes of it');
          }),
        ).rejects.toEqual(none);
      }
      expect(reached).toBe(false);
      expect(await ids(store)).toEqual(['a']);
    }),
  );

  it(
    'accepts one of many transactions that must insert one key, and keeps only its writes',
    onStore(async ({ store }) => {
      const come = await Promise.allSettled(
        Array.from({ length: 12 }, (_, i) =>
          store.write(async (tx) => {
            claim(tx, 'key');
            await insert(tx, `by ${i}`);
            return i;
          }),
        ),
      );
      const through = come.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(through).toHaveLength(1);
      expect(come.filter((one) => one.status === 'rejected').map((one) => one.reason)).toEqual(Array(11).fill(none));
      expect(await ids(store)).toEqual([`by ${through[0]}`, 'key']);
    }),
  );

  it(
    'keeps an expectRow when the work after it is undone, in a savepoint that is the first to write',
    onStore(async ({ store }) => {
      const error = new Error('refused');
      const actions: string[] = [];
      const undone = (tx: Tx, write: () => Promise<unknown>) =>
        expect(
          tx.savepoint(async () => {
            tx.defer("insert into things (id, n) values ('undone at the end', 0)");
            await write();
            throw error;
          }),
        ).rejects.toBe(error);
      for (const [i, write] of [(tx: Tx) => insert(tx, 'undone'), async () => {}].entries()) {
        await store.write(async (tx) => {
          claim(tx, `key ${i}`);
          await undone(tx, () => write(tx));
          await tx.savepoint(() => insert(tx, `second ${i}`));
          await undone(tx, () => insert(tx, 'undone as well'));
          tx.defer('update things set n = 5 where id = ?', `key ${i}`);
          tx.afterCommit(() => actions.push(`key ${i}`));
        });
      }
      expect(await ids(store)).toEqual(['key 0', 'key 1', 'second 0', 'second 1']);
      expect(await store.reader.get("select sum(n) as n from things where id like 'key%'")).toEqual({ n: 10 });
      expect(actions).toEqual(['key 0', 'key 1']);
    }),
  );

  it(
    'undoes a failed statement with the savepoint that is the first to write, and continues',
    onStore(async ({ store }) => {
      await store.write((tx) => insert(tx, 'there'));
      const error = new Error('refused');
      await store.write(async (tx) => {
        claim(tx, 'key');
        await expect(
          tx.savepoint(async () => {
            await insert(tx, 'undone');
            await expect(insert(tx, 'there')).rejects.toThrow();
            throw error;
          }),
        ).rejects.toBe(error);
        await insert(tx, 'after');
      });
      expect(await ids(store)).toEqual(['after', 'key', 'there']);
    }),
  );

  it(
    'returns the row of a deferred statement when the transaction has been committed',
    onStore(async ({ store }) => {
      let seen: unknown = 'not called';
      const [row, nothing, none] = await store.write((tx) => {
        const inserted = tx.defer<{ id: string; n: number }>(
          "insert into things (id, n) values ('a', 3) on conflict do nothing returning id, n",
        );
        const again = tx.defer("insert into things (id, n) values ('a', 3) on conflict do nothing returning id, n");
        const silent = tx.defer("update things set n = 4 where id = 'a'");
        tx.afterCommit(() => {
          seen = inserted.row;
        });
        return [inserted, again, silent];
      });
      expect([seen, row?.row, nothing?.row, none?.row]).toEqual([{ id: 'a', n: 3 }, { id: 'a', n: 3 }, undefined, undefined]);
      expect(await store.reader.get('select n from things')).toEqual({ n: 4 });
    }),
  );

  it(
    'keeps nothing when a deferred statement fails',
    onStore(async ({ store }) => {
      await store.write((tx) => insert(tx, 'a'));
      const actions: string[] = [];
      await expect(
        store.write((tx) => {
          tx.defer("insert into things (id, n) values ('b', 0)");
          tx.afterCommit(() => actions.push('committed'));
          tx.defer("insert into things (id, n) values ('a', 0)");
        }),
      ).rejects.toThrow();
      expect(await ids(store)).toEqual(['a']);
      expect(actions).toEqual([]);
      await store.write((tx) => void tx.defer("insert into things (id, n) values ('c', 0)"));
      expect(await ids(store)).toEqual(['a', 'c']);
    }),
  );
}

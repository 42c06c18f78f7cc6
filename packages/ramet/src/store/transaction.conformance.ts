import { sql } from 'kysely';
import { expect } from 'vitest';
import type { Case } from '../platform/cases.conformance.ts';
import { code, ids, insert, type OnStore } from './fixture.conformance.ts';
import type { StoreCapabilities, Tx } from './index.ts';

/** Cases about one transaction and about those that share its commit. */
export function transactionCases(it: Case, onStore: OnStore, capabilities: StoreCapabilities): void {
  it(
    'keeps all of a transaction or nothing',
    onStore(async ({ store }) => {
      await store.write(async (tx) => {
        await insert(tx, 'a');
        await insert(tx, 'b');
      });
      const failing = store.write(async (tx) => {
        await insert(tx, 'c');
        await insert(tx, 'a');
      });
      await expect(failing).rejects.toThrow();
      expect(await ids(store)).toEqual(['a', 'b']);
    }),
  );

  it(
    'throws exactly what the handler threw, and returns what it returned',
    onStore(async ({ store }) => {
      const error = new Error('no stock');
      await expect(
        store.write(async (tx) => {
          await insert(tx, 'a');
          throw error;
        }),
      ).rejects.toBe(error);
      await expect(
        store.write(() => {
          throw error;
        }),
      ).rejects.toBe(error);
      expect(await store.write(() => 7)).toBe(7);
      expect(await store.write(async () => undefined)).toBe(undefined);
      expect(await ids(store)).toEqual([]);
    }),
  );

  it(
    'undoes a savepoint that throws, and continues the transaction',
    onStore(async ({ store }) => {
      await store.write(async (tx) => {
        await insert(tx, 'before');
        const error = new Error('inner');
        await expect(
          tx.savepoint(async () => {
            await insert(tx, 'undone');
            await tx.savepoint(() => insert(tx, 'undone with its parent'));
            throw error;
          }),
        ).rejects.toBe(error);
        expect(await tx.savepoint(async () => insert(tx, 'kept'))).toBe(1);
        await tx.savepoint(async () => {
          await insert(tx, 'kept too');
          await tx
            .savepoint(async () => {
              await insert(tx, 'undone alone');
              throw error;
            })
            .catch(() => {});
        });
      });
      expect(await ids(store)).toEqual(['before', 'kept', 'kept too']);
    }),
  );

  it(
    'ends a transaction at a statement that fails, even if the handler continues',
    onStore(async ({ store }) => {
      await store.write((tx) => insert(tx, 'a'));
      const again = ({ db }: Tx) =>
        db
          .insertInto('things')
          .values({ id: 'a' })
          .execute()
          .catch(() => {});
      const stubborn = store.write(async (tx) => {
        await insert(tx, 'b');
        await again(tx);
      });
      await expect(stubborn).rejects.toEqual(code('TransactionFailed'));
      let refused: unknown;
      const more = store.write(async (tx) => {
        await again(tx);
        await insert(tx, 'c').catch((error: unknown) => {
          refused = error;
        });
      });
      await expect(more).rejects.toEqual(code('TransactionFailed'));
      expect(refused).toEqual(code('TransactionFailed'));
      await store.write(async (tx) => {
        await expect(tx.savepoint(() => insert(tx, 'a'))).rejects.toThrow();
        await tx.savepoint(() => tx.savepoint(() => insert(tx, 'a'))).catch(() => {});
        await insert(tx, 'd');
      });
      expect(await ids(store)).toEqual(['a', 'd']);
    }),
  );

  it(
    'executes deferred statements in their order, and undoes everything when one fails',
    onStore(async ({ store }) => {
      await store.write(async (tx) => {
        tx.defer("insert into things (id, n) values ('a', 1)");
        tx.defer("update things set n = n + 1 where id = 'a'");
        await insert(tx, 'b');
        await tx.savepoint(() => tx.defer('insert into things (id) values (?)', 'c'));
        const undone = tx.savepoint(async () => {
          tx.defer("insert into things (id) values ('never')");
          throw new Error('undone');
        });
        await expect(undone).rejects.toThrow('undone');
      });
      expect(await ids(store)).toEqual(['a', 'b', 'c']);
      expect(await store.reader.get("select n from things where id = 'a'")).toEqual({ n: 2 });
      const doubled = store.write(async (tx) => {
        await insert(tx, 'd');
        tx.defer("insert into things (id) values ('a')");
      });
      await expect(doubled).rejects.toThrow();
      expect(await ids(store)).toEqual(['a', 'b', 'c']);
      await store.write((tx) => tx.defer("insert into things (id) values ('e')"));
      expect(await ids(store)).toEqual(['a', 'b', 'c', 'e']);
    }),
  );

  it(
    'lets a handler lock the rows that it reads',
    onStore(async ({ store, platform }) => {
      await store.write((tx) => insert(tx, 'a'));
      await Promise.all(
        Array.from({ length: 8 }, () =>
          store.write(async ({ db }) => {
            const { n } = await db.selectFrom('things').select('n').where('id', '=', 'a').forUpdate().executeTakeFirstOrThrow();
            await platform.timers.yield();
            await db
              .updateTable('things')
              .set({ n: n + 1 })
              .where('id', '=', 'a')
              .execute();
          }),
        ),
      );
      expect(await store.reader.get('select n from things')).toEqual({ n: 8 });
    }),
  );

  it(
    'hides a transaction before its commit',
    onStore(async ({ store, platform }) => {
      await store.write(async (tx) => {
        await insert(tx, 'a');
        expect(await tx.get('select id from things')).toEqual({ id: 'a' });
        await platform.timers.sleep(5);
        expect(await ids(store)).toEqual([]);
      });
      expect(await ids(store)).toEqual(['a']);
    }),
  );

  it(
    'releases no answer, error or afterCommit before the commit',
    onStore(async ({ store, platform }) => {
      const seen: string[][] = [];
      const look = async () => void seen.push(await ids(store));
      const first = store
        .write(async (tx) => {
          await insert(tx, 'a');
          tx.afterCommit(() => void look());
        })
        .then(look);
      const second = store
        .write(async (tx) => {
          const rests = (await tx.all<{ id: string }>('select id from things')).map((row) => row.id);
          throw new Error(rests.join());
        })
        .catch(async (error: Error) => {
          if (error.message !== '') expect(await ids(store)).toContain(error.message);
        });
      const third = store.write(async (tx) => {
        await insert(tx, 'b');
        await platform.timers.sleep(20);
      });
      await Promise.all([first, second, third]);
      expect(seen.length).toBe(2);
      for (const rows of seen) expect(rows).toContain('a');
    }),
  );

  it(
    'calls afterCommit once, in order, and never after a rollback',
    onStore(async ({ store }) => {
      const calls: string[] = [];
      await Promise.allSettled(
        [1, 2, 3, 4].map((n) =>
          store.write(async (tx) => {
            tx.afterCommit(() => calls.push(`${n}a`));
            await insert(tx, `${n}`);
            tx.afterCommit(() => calls.push(`${n}b`));
            if (n % 2 === 0) throw new Error('rolled back');
          }),
        ),
      );
      expect(calls.toSorted()).toEqual(['1a', '1b', '3a', '3b']);
      expect(calls.indexOf('1a')).toBeLessThan(calls.indexOf('1b'));
    }),
  );

  it(
    'is not harmed by an afterCommit that throws',
    onStore(async ({ store, warnings }) => {
      const called: string[] = [];
      const answers = await Promise.allSettled([
        store.write(async (tx) => {
          await insert(tx, 'a');
          tx.afterCommit(() => {
            throw new Error('a listener that throws');
          });
          tx.afterCommit(() => called.push('a'));
        }),
        store.write(async (tx) => {
          await insert(tx, 'b');
          tx.afterCommit(() => called.push('b'));
        }),
      ]);
      expect(answers.map((answer) => answer.status)).toEqual(['fulfilled', 'fulfilled']);
      expect(called).toEqual(['a', 'b']);
      expect(warnings).toHaveLength(1);
      await store.write((tx) => insert(tx, 'c'));
      expect(await ids(store)).toEqual(['a', 'b', 'c']);
    }),
  );

  it(
    'commits many writes that are under way at once',
    onStore(async ({ store, platform }) => {
      const batches: number[] = [];
      let open = false;
      const counted = (tx: Tx) =>
        tx.afterCommit(() => {
          if (!open) {
            open = true;
            batches.push(0);
            queueMicrotask(() => {
              open = false;
            });
          }
          batches[batches.length - 1] = (batches.at(-1) as number) + 1;
        });
      await Promise.all(
        Array.from({ length: 200 }, (_, i) =>
          store.write(async (tx) => {
            counted(tx);
            await insert(tx, `${i}`, i);
            if (i % 7 === 0) await platform.timers.yield();
          }),
        ),
      );
      const row = await store.reader.get<{ count: number; sum: number }>('select count(*) as count, sum(n) as sum from things');
      expect([Number(row?.count), Number(row?.sum)]).toEqual([200, 19_900]);
      expect(Math.max(...batches)).toBeLessThanOrEqual(capabilities.sharedCommits);
      if (capabilities.sharedCommits > 1) expect(batches.length).toBeLessThan(200 / (capabilities.sharedCommits / 2));
    }),
  );

  it(
    'keeps increments that race for one row',
    onStore(async ({ store, platform }) => {
      await store.write((tx) => insert(tx, 'counter'));
      await Promise.all(
        Array.from({ length: 50 }, () =>
          store.write(async (tx) => {
            const row = await tx.get<{ n: number }>("update things set n = n + 1 where id = 'counter' returning n");
            await platform.timers.yield();
            await tx.run("update things set note = ? where id = 'counter'", String(row?.n));
          }),
        ),
      );
      expect(await store.reader.get('select n, note from things')).toEqual({ n: 50, note: '50' });
    }),
  );

  it(
    'does not harm the neighbours of a handler that fails',
    onStore(async ({ store, platform }) => {
      const results = await Promise.allSettled(
        Array.from({ length: 12 }, (_, i) =>
          store.write(async (tx) => {
            await insert(tx, `${i}`);
            await platform.timers.yield();
            if (i % 3 === 1) throw new Error(`handler ${i}`);
            if (i % 3 === 2) await insert(tx, `${i}`);
            return i;
          }),
        ),
      );
      results.forEach((result, i) => {
        if (i % 3 === 0) expect(result).toEqual({ status: 'fulfilled', value: i });
        else expect(result.status).toBe('rejected');
      });
      expect(await ids(store)).toEqual(['0', '3', '6', '9']);
    }),
  );

  it(
    'refuses a handler that tries to end the transaction',
    onStore(async ({ store }) => {
      const results = await Promise.allSettled([
        store.write((tx) => insert(tx, 'neighbour')),
        ...['commit', ' ROLLBACK', '-- why not\nend', 'begin', '/* ; */ savepoint mine', 'release job'].map((statement) =>
          store.write(async (tx) => {
            await insert(tx, statement);
            await sql.raw(statement).execute(tx.db);
          }),
        ),
      ]);
      expect(results.map((result) => result.status)).toEqual(['fulfilled', ...Array.from({ length: 6 }, () => 'rejected')]);
      expect(await ids(store)).toEqual(['neighbour']);
    }),
  );

  it(
    'answers StoreUnavailable, with nothing written, when the COMMIT of a single transaction fails',
    onStore(async ({ store, failNextCommit }) => {
      failNextCommit();
      let committed = 0;
      await expect(
        store.write(async (tx) => {
          tx.afterCommit(() => committed++);
          await insert(tx, 'a');
        }),
      ).rejects.toEqual(code('StoreUnavailable'));
      expect([committed, await ids(store)]).toEqual([0, []]);
      await store.write((tx) => insert(tx, 'b'));
      expect(await ids(store)).toEqual(['b']);
    }),
  );

  it(
    'runs each transaction again alone, or refuses it with nothing written, when a COMMIT fails',
    onStore(async ({ store, failNextCommit }) => {
      failNextCommit();
      const committed: number[] = [];
      const runs = [0, 0, 0, 0, 0, 0];
      const results = await Promise.allSettled(
        runs.map((_, i) =>
          store.write(async (tx) => {
            runs[i] = (runs[i] as number) + 1;
            tx.afterCommit(() => committed.push(i));
            await insert(tx, `${i}`);
            if (i === 3) throw new Error('of its own');
          }),
        ),
      );
      const landed = results.flatMap((result, i) => (result.status === 'fulfilled' ? [i] : []));
      expect(await ids(store)).toEqual(landed.map(String));
      // Transactions that share a commit are answered in their order.
      expect(capabilities.sharedCommits > 1 ? committed : committed.toSorted()).toEqual(landed);
      results.forEach((result, i) => {
        if (result.status === 'rejected' && i !== 3) expect(result.reason).toEqual(code('StoreUnavailable'));
      });
      expect(results[3]).toMatchObject({ status: 'rejected' });
      expect(Math.max(...runs)).toBeLessThanOrEqual(2);
      if (capabilities.sharedCommits > 1) expect(landed).toEqual([0, 1, 2, 4, 5]);
    }),
  );
}

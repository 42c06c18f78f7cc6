import { expect } from 'vitest';
import type { Case } from '../platform/cases.conformance.ts';
import { code, ids, insert, type OnStore } from './fixture.conformance.ts';
import type { Tx } from './index.ts';

/** Cases about the life of handles: of a handler's transaction, of readers, of the store itself. */
export function handleCases(it: Case, onStore: OnStore): void {
  it(
    'closes the handle of a handler when it returns',
    onStore(async ({ store, platform }) => {
      let kept: Tx | undefined;
      await store.write((tx) => {
        kept = tx;
      });
      const late = kept as unknown as Tx;
      const refused = code('TransactionClosed');
      const neighbour = store.write(async (tx) => {
        await insert(tx, 'neighbour');
        await platform.timers.sleep(10);
      });
      await platform.timers.yield();
      await expect(late.db.insertInto('things').values({ id: 'late' }).execute()).rejects.toEqual(refused);
      await expect(late.run("insert into things (id) values ('late')")).rejects.toEqual(refused);
      await expect(late.get('select 1')).rejects.toEqual(refused);
      await expect(late.savepoint(() => {})).rejects.toEqual(refused);
      await neighbour;
      expect(await ids(store)).toEqual(['neighbour']);
    }),
  );

  it(
    'waits for the statements that a handler issued and did not await',
    onStore(async ({ store }) => {
      await store.write((tx) => {
        void tx.db.insertInto('things').values({ id: 'a' }).execute();
        void tx.db.insertInto('things').values({ id: 'b' }).execute();
      });
      expect(await ids(store)).toEqual(['a', 'b']);
    }),
  );

  it(
    'ends the transaction of a handler that idles in it, and spares its neighbours',
    onStore(async ({ store, platform, warnings }) => {
      let woken: ((value: unknown) => void) | undefined;
      let afterwards: Promise<unknown> | undefined;
      const before = store.write((tx) => insert(tx, 'before'));
      const idle = store.write(
        async (tx) => {
          await insert(tx, 'idle');
          await new Promise((resolve) => {
            woken = resolve;
          });
          afterwards = insert(tx, 'zombie');
          await afterwards;
        },
        { name: 'orders.dream' },
      );
      const after = store.write((tx) => insert(tx, 'after'));
      const startedMono = platform.clock.monoNow();
      await expect(idle).rejects.toEqual(code('TransactionIdle'));
      expect(platform.clock.monoNow() - startedMono).toBeGreaterThan(900);
      await Promise.all([before, after]);
      woken?.(undefined);
      await platform.timers.yield();
      await expect(afterwards).rejects.toEqual(code('TransactionClosed'));
      expect(await ids(store)).toEqual(['after', 'before']);
      expect(warnings).toEqual([expect.objectContaining({ handler: 'orders.dream' })]);
    }),
  );

  it(
    'ends the transaction of a handler that left a stream of rows open',
    onStore(async ({ store }) => {
      await store.write((tx) => insert(tx, 'a'));
      const forgetful = store.write(async (tx) => {
        await tx.db.selectFrom('things').selectAll().stream().next();
      });
      const neighbour = store.write((tx) => insert(tx, 'b'));
      await expect(forgetful).rejects.toEqual(code('TransactionIdle'));
      await neighbour;
      expect(await ids(store)).toEqual(['a', 'b']);
    }),
  );

  it(
    'lets the event loop do other work during a long series of writes',
    onStore(async ({ store, platform }) => {
      let turned = false;
      void platform.timers.sleep(10).then(() => {
        turned = true;
      });
      let writes = 0;
      while (!turned && writes < 5_000) {
        await store.write((tx) => tx.run("update things set n = ? where id = 'x'", ++writes));
      }
      expect(turned).toBe(true);
    }),
  );

  it(
    'refuses writes through readers',
    onStore(async ({ store }) => {
      await expect(store.reader.all("insert into things (id) values ('a')")).rejects.toThrow();
      await expect(store.reader.db.insertInto('things').values({ id: 'b' }).execute()).rejects.toThrow();
      expect(await ids(store)).toEqual([]);
    }),
  );

  it(
    'probes by writing',
    onStore(async ({ store, failNextCommit }) => {
      await store.probe();
      expect(await store.reader.all('select id from ramet_probe')).toHaveLength(1);
      failNextCommit();
      await expect(store.probe()).rejects.toEqual(code('StoreUnavailable'));
      await store.probe();
    }),
  );

  it(
    'probes ahead of the writes that wait: a busy store accepts writes',
    onStore(async ({ store, platform }) => {
      let written = 0;
      const writes = Array.from({ length: 300 }, (_, i) =>
        store.write(async (tx) => {
          await platform.timers.yield();
          await insert(tx, `${i}`);
          written++;
        }),
      );
      await platform.timers.yield();
      await store.probe();
      expect(written).toBeLessThan(150);
      await Promise.all(writes);
    }),
  );

  it(
    'finishes accepted writes when it closes, and refuses later ones',
    onStore(async ({ store, open, platform }) => {
      const accepted = Array.from({ length: 20 }, (_, i) =>
        store.write(async (tx) => {
          await platform.timers.yield();
          await insert(tx, `${i}`);
        }),
      );
      await store.close();
      await Promise.all(accepted);
      const refused = code('StoreUnavailable');
      await expect(store.write(() => {})).rejects.toEqual(refused);
      await expect(store.probe()).rejects.toEqual(refused);
      await expect(store.reader.all('select 1')).rejects.toEqual(refused);
      await expect(store.reader.db.selectFrom('things').selectAll().execute()).rejects.toEqual(refused);
      await store.close();
      expect(await ids(await open())).toHaveLength(20);
    }),
  );
}

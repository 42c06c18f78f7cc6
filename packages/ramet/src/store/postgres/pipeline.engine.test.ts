import { describe, expect, test } from 'vitest';
import { type Pipeline, pipelineOf } from '../pipeline.ts';
import type { Store, Tx } from '../store.ts';
import { newPlace } from './place.fixture.ts';

const insert = (id: string) => async (tx: Tx) => void (await tx.db.insertInto('things').values({ id, n: 0 }).execute());
const ids = async (store: Store) => (await store.reader.all<{ id: string }>('select id from things order by id')).map(({ id }) => id);
const pipelined: (tx: Tx, pieces: Parameters<Pipeline>[0]) => ReturnType<Pipeline> = (tx, pieces) => {
  const pipeline = pipelineOf(tx);
  if (!pipeline) throw new Error('this store pipelines statements');
  return pipeline(pieces);
};

describe('pipelined pieces of work', () => {
  test('are all done, each begins before the one before is answered, and their deferred statements keep their order', async () => {
    await using place = await newPlace();
    const store = await place.open();
    const seen: string[] = [];
    const piece = (id: string, more: number) => async (tx: Tx) => {
      seen.push(`${id} begins`);
      await insert(id)(tx);
      // The later a piece began, the sooner it ends.
      for (let i = 0; i < more; i++) await Promise.resolve();
      tx.defer("insert into things (id, n) values (?, (select count(*) from things where id like 'last%'))", `last ${id}`);
      tx.afterCommit(() => seen.push(`${id} committed`));
    };
    await store.write(async (tx) => {
      expect(await pipelined(tx, [piece('a', 40), piece('b', 20), piece('c', 0)])).toBeUndefined();
      await tx.run("insert into things (id) values ('behind')");
    });
    expect(seen).toEqual(['a begins', 'b begins', 'c begins', 'a committed', 'b committed', 'c committed']);
    expect(await ids(store)).toEqual(['a', 'b', 'behind', 'c', 'last a', 'last b', 'last c']);
    const last = await store.reader.all("select id from things where id like 'last%' order by n");
    expect(last).toEqual([{ id: 'last a' }, { id: 'last b' }, { id: 'last c' }]);
  });

  test('may issue any number of statements while no later piece has issued one', async () => {
    await using place = await newPlace();
    const store = await place.open();
    const silent = async () => {};
    const talks = async (tx: Tx) => {
      await insert('b')(tx);
      expect(await tx.get("select count(*) as n from things where id in ('a', 'b')")).toEqual({ n: 2 });
      await tx.run("update things set n = 7 where id = 'b'");
    };
    await store.write(async (tx) => expect(await pipelined(tx, [silent, insert('a'), talks, silent])).toBeUndefined());
    expect(await store.reader.all("select n from things where id = 'b'")).toEqual([{ n: 7 }]);
  });

  test('are refused if one issues another statement after a later piece has issued one: nothing is kept', async () => {
    await using place = await newPlace();
    const store = await place.open();
    const talks = async (tx: Tx) => {
      await tx.get("select n from things where id = 'shared' for update");
      await tx.run("insert into things (id) values ('late')").catch(() => {});
    };
    const work = store.write(async (tx) => {
      const outcome = await pipelined(tx, [insert('a'), talks, insert('c')]);
      expect(outcome).toEqual({ interleaved: 1 });
      throw new Error('one by one');
    });
    await expect(work).rejects.toThrow('one by one');
    expect(await ids(store)).toEqual([]);
  });

  test.each([
    ['a statement', async (tx: Tx) => insert('taken')(tx), { code: '23505' }],
    ['a statement, and continues', async (tx: Tx) => insert('taken')(tx).catch(() => {}), { code: '23505' }],
    ['itself, before its first statement', async () => Promise.reject(new Error('no')), { message: 'no' }],
    [
      'itself, when it has been answered',
      async (tx: Tx) => {
        await insert('b')(tx);
        throw new Error('no');
      },
      { message: 'no' },
    ],
  ])('tell which one has failed by %s', async (_, fails, error) => {
    await using place = await newPlace();
    const store = await place.open();
    await store.write((tx) => insert('taken')(tx));
    const work = store.write(async (tx) => {
      expect(await pipelined(tx, [insert('a'), fails, insert('c'), insert('d')])).toMatchObject({ failed: 1, error });
      throw new Error('nothing can be kept');
    });
    await expect(work).rejects.toThrow();
    expect(await ids(store)).toEqual(['taken']);
    // The connection still works.
    await store.write((tx) => insert('next')(tx));
    expect(await ids(store)).toEqual(['next', 'taken']);
  });
});

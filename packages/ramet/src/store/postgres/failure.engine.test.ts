import { describe, expect, test } from 'vitest';
import { ownEngine } from '../../platform/engine.fixture.ts';
import type { Store } from '../index.ts';
import { newPlace } from './place.fixture.ts';
import { type CommitFault, IN_ONE_PACKET, LATE_MS, proxyTo } from './proxy.fixture.ts';

const rows = (store: Store) => store.reader.all<{ id: string; n: number }>('select id, n from things order by id');
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a commit whose answer is lost', () => {
  const through = async (fault: CommitFault, inOnePacket = false) => {
    const place = await newPlace();
    const proxy = await proxyTo(place.urls['things'] as string);
    const store = await place.open({ url: proxy.url, connections: 2 });
    // New connections use another statement than those that have committed before: both are tested.
    await store.write((tx) => tx.run("insert into things (id, n) values ('counter', 0)"));
    let runs = 0;
    for (let i = 0; i < 6; i++) {
      proxy.next(fault);
      let first = true;
      await store.write(async (tx) => {
        runs++;
        if (!first && fault === 'late') await sleep(LATE_MS + 100);
        first = false;
        if (inOnePacket) {
          tx.expectRow("update things set n = n + 1, note = ? where id = 'counter'", IN_ONE_PACKET);
          tx.defer('insert into things (id, n) values (?, ?)', `${i}`, i);
          return;
        }
        await tx.run('insert into things (id, n) values (?, ?)', `${i}`, i);
        await tx.run("update things set n = n + 1 where id = 'counter'");
      });
    }
    await sleep(fault === 'late' ? LATE_MS + 300 : 0);
    const found = await rows(store);
    const { cuts } = proxy;
    await store.close();
    await proxy.close();
    await place[Symbol.asyncDispose]();
    return { found, runs, cuts };
  };
  const ONCE = [...['0', '1', '2', '3', '4', '5'].map((id) => ({ id, n: Number(id) })), { id: 'counter', n: 6 }];

  test('that took place is found, and the work is not run again', async () => {
    expect(await through('after')).toEqual({ found: ONCE, runs: 6, cuts: 6 });
    expect(await through('after', true)).toEqual({ found: ONCE, runs: 6, cuts: 6 });
  });

  test('that never reached the server is run again', async () => {
    expect(await through('before')).toEqual({ found: ONCE, runs: 12, cuts: 6 });
    expect(await through('before', true)).toEqual({ found: ONCE, runs: 12, cuts: 6 });
  });

  test('that is still in flight when it is looked up cannot take place any more', async () => {
    expect(await through('late')).toEqual({ found: ONCE, runs: 12, cuts: 6 });
    expect(await through('late', true)).toEqual({ found: ONCE, runs: 12, cuts: 6 });
  });
});

test('a transaction of one packet that fails at its end does not count as committed', async () => {
  await using place = await newPlace();
  const store = await place.open({});
  await store.write((tx) => tx.run('create table pairs (id text primary key, other text references pairs deferrable initially deferred)'));
  const seen: string[] = [];
  for (const other of ['missing', 'a']) {
    const write = store.write((tx) => {
      tx.defer('insert into pairs (id, other) values (?, ?)', 'a', other);
      tx.afterCommit(() => seen.push(other));
    });
    await (other === 'a' ? write : expect(write).rejects.toThrow(/foreign key/));
  }
  expect(await store.reader.all('select id, other from pairs')).toEqual([{ id: 'a', other: 'a' }]);
  expect(seen).toEqual(['a']);
  await store.close();
});

test('a connection that is lost before the COMMIT is replaced, and the work is run again', async () => {
  await using place = await newPlace();
  const proxy = await proxyTo(place.urls['things'] as string);
  const store = await place.open({ url: proxy.url });
  let runs = 0;
  await store.write(async (tx) => {
    await tx.run('insert into things (id) values (?)', `run ${++runs}`);
    if (runs === 1) proxy.cutAll();
    await tx.run('insert into things (id) values (?)', 'second');
  });
  expect((await rows(store)).map(({ id }) => id)).toEqual(['run 2', 'second']);
  // The connections for queries were cut as well.
  proxy.cutAll();
  expect(await rows(store)).toHaveLength(2);
  await store.close();
  await proxy.close();
});

test('a server that crashes again and again loses nothing that was acknowledged, and nothing happens twice', async () => {
  const engine = await ownEngine('postgres');
  try {
    const place = await newPlace(engine.url);
    const store = await place.open({ connections: 8 });
    await store.write((tx) => tx.run("insert into things (id, n) values ('counter', 0)"));
    const fate = new Map<string, 'acknowledged' | 'refused' | 'unknown'>();
    let stopping = false;
    const writer = async (w: number) => {
      for (let i = 0; !stopping; i++) {
        const id = `${w}-${i}`;
        await store
          .write(async (tx) => {
            await tx.run('insert into things (id, n) values (?, ?)', id, 1);
            if (i % 3 === 0) await tx.run("update things set n = n + 1 where id = 'counter'");
          })
          .then(
            () => fate.set(id, 'acknowledged'),
            async (error) => {
              expect(error).toMatchObject({ code: 'StoreUnavailable' });
              fate.set(id, error.executed === 'no' ? 'refused' : 'unknown');
              await sleep(20);
            },
          );
      }
    };
    const writers = Array.from({ length: 8 }, (_, w) => writer(w));
    for (let crash = 0; crash < 4; crash++) {
      await sleep(400);
      await engine.restart('immediate');
    }
    await sleep(400);
    stopping = true;
    await Promise.all(writers);
    const there = new Set((await rows(store)).map(({ id }) => id));
    const count = (what: string) => [...fate.values()].filter((end) => end === what).length;
    expect(count('acknowledged')).toBeGreaterThan(50);
    expect([...fate].filter(([id, end]) => end === 'acknowledged' && !there.has(id))).toEqual([]);
    expect([...fate].filter(([id, end]) => end === 'refused' && there.has(id))).toEqual([]);
    const counted = [...there].filter((id) => id !== 'counter' && Number(id.split('-')[1]) % 3 === 0).length;
    expect(Number((await rows(store)).find(({ id }) => id === 'counter')?.n)).toBe(counted);
    await store.close();
  } finally {
    await engine.wipe();
  }
});

test('an unavailable server is reported as StoreUnavailable at once, and is used again when it is back', async () => {
  const engine = await ownEngine('postgres');
  try {
    const place = await newPlace(engine.url);
    const store = await place.open();
    await store.write((tx) => tx.run("insert into things (id) values ('before')"));
    await engine.stop();
    const began = performance.now();
    const away = { code: 'StoreUnavailable', executed: 'no', retryAfterMs: 1_000 };
    await expect(store.write((tx) => tx.run("insert into things (id) values ('meanwhile')"))).rejects.toMatchObject(away);
    await expect(rows(store)).rejects.toMatchObject(away);
    await expect(store.probe()).rejects.toMatchObject(away);
    expect(performance.now() - began).toBeLessThan(3_000);
    await engine.start();
    await store.write((tx) => tx.run("insert into things (id) values ('after')"));
    expect((await rows(store)).map(({ id }) => id)).toEqual(['after', 'before']);
    await store.close();
  } finally {
    await engine.wipe();
  }
});

test('a silent server is abandoned, and used again when it answers', async () => {
  const engine = await ownEngine('postgres');
  try {
    const place = await newPlace(engine.url);
    const store = await place.open({ statementTimeoutMs: 500, waitMs: 500 });
    await store.write((tx) => tx.run("insert into things (id) values ('before')"));
    const stuck = store.write((tx) => tx.run("insert into things (id) values ('meanwhile')"));
    await engine.pause();
    await sleep(7_500);
    await engine.resume();
    const outcome = await stuck.then(
      () => 'written',
      (error) => error.code as string,
    );
    const found = (await rows(store)).map(({ id }) => id);
    expect(found).toEqual(outcome === 'written' ? ['before', 'meanwhile'] : ['before']);
    await store.close();
  } finally {
    await engine.resume().catch(() => {});
    await engine.wipe();
  }
});

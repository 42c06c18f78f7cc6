import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sharedEngine } from '../../platform/engine.fixture.ts';
import { newId, realPlatform } from '../../platform/index.ts';
import { BusFixture } from '../conformance/fixture.conformance.ts';
import type { Missed } from '../index.ts';
import { postgresBus } from './index.ts';
import { postgresPlace, query } from './place.fixture.ts';

const url = sharedEngine('postgres');
const keys = (count: number, of: number) => Array.from({ length: count }, (_, i) => `k${i % of}`);

describe('the log on PostgreSQL', () => {
  let place: Awaited<ReturnType<typeof postgresPlace>>;
  let bus: BusFixture;
  const onServer = (text: string, ...values: unknown[]) => query(url, text.replaceAll('bus.', `${place.schema}.`), values);

  beforeEach(async () => {
    place = await postgresPlace(url);
    bus = new BusFixture(place);
  });
  afterEach(() => bus.dispose());

  test('is made by ten processes that start at the same time', async () => {
    const processes = await Promise.all(Array.from({ length: 10 }, () => bus.start('mail', { sources: ['orders', 'payments'] })));
    await bus.publish('orders', keys(50, 5));
    await bus.untilEffects('mail', 50);
    await bus.expectOnceInOrder('mail', 50);
    expect(processes.flatMap(({ errors }) => errors)).toEqual([]);
    expect(await onServer('select number from bus.migrations')).toEqual([{ number: 1 }]);
  });

  test('has each event once and in order although several relays copy the same outbox at once', async () => {
    for (let i = 0; i < 4; i++) await bus.start(`group${i}`);
    for (let i = 0; i < 40; i++) await bus.publish('orders', keys(50, 9));
    await bus.untilEffects('group0', 2_000);
    const outbox = await bus.outbox('orders');
    const published: string[] = [];
    for (let after = 0; after < 2_000; after += 500) published.push(...(await outbox.read(0, after, 500)).map(({ envelope }) => envelope));
    const rows = await onServer('select pos, envelope from bus.log order by pos');
    expect(rows.map(({ pos }) => Number(pos))).toEqual(Array.from({ length: 2_000 }, (_, i) => i + 1));
    expect(rows.map(({ envelope }) => envelope)).toEqual(published);
  });

  test('shares the partitions fairly, gives back at once, and takes over when a lease is over', async () => {
    const sources = ['a', 'b', 'c', 'd', 'e', 'f'];
    const first = await bus.start('mail', { sources });
    await bus.publish('a', ['k']);
    await bus.untilEffects('mail', 1);
    const owned = async () =>
      (await onServer('select owner, count(*)::int from bus.claims where owner is not null group by owner order by count desc')).map(
        ({ count }) => count,
      );
    await bus.until('the first has all', async () => (await owned()).join() === '6');
    const second = await bus.start('mail', { sources });
    await bus.until('two have three', async () => (await owned()).join() === '3,3');
    await bus.start('mail', { sources });
    await bus.start('mail', { sources });
    await bus.until('four have two at most', async () => (await owned()).join() === '2,2,2' || (await owned()).join() === '2,2,1,1');
    await first.stop();
    second.kill();
    await bus.until('two are left', async () => (await owned()).join() === '3,3');
    expect((await onServer('select min(epoch) from bus.claims'))[0]?.['min']).toMatch(/^1[789]\d{11}$/);
  });

  test('continues although every connection that listens is cut', async () => {
    // What it reads comes from another process.
    const process = await bus.start('mail', { hosts: false });
    await bus.start('search');
    await bus.publish('orders', ['a']);
    await bus.untilEffects('mail', 1);
    for (let i = 0; i < 5; i++) {
      await onServer("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'ramet bus listener'");
      await bus.publish('orders', ['a']);
      await bus.untilEffects('mail', i + 2, 4_000);
    }
    expect(process.errors).toEqual([]);
  });

  test('deletes what is old, and notifies a new group of what it cannot have', async () => {
    const first = await bus.start('mail');
    await bus.publish('orders', keys(30, 3));
    await bus.untilEffects('mail', 30);
    await first.stop();
    await onServer("update bus.log set at = at - interval '15 days' where pos <= 20");
    const missed: Missed[] = [];
    const second = await bus.start('mail');
    await bus.until('they are gone', async () => (await onServer('select pos from bus.log')).length === 10);
    await bus.start('search', { onMissed: (told) => missed.push(told) });
    await bus.untilEffects('search', 10);
    expect(missed).toEqual([{ log: 'orders', p: 0, after: 0, through: 20 }]);
    await bus.publish('orders', keys(3, 3));
    await bus.untilEffects('mail', 33);
    expect([...first.errors, ...second.errors]).toEqual([]);
  });

  test('stops a source, and says so, that was restored from an older copy than what was published', async () => {
    const first = await bus.start('mail');
    await bus.publish('orders', keys(5, 1));
    await bus.untilEffects('mail', 5);
    await first.stop();
    await (await bus.store('orders')).write(async (tx) => {
      await tx.run('delete from ramet_outbox where pos > 2');
      await tx.run('update ramet_partitions set pos = 2');
    });
    const second = await bus.start('mail');
    await bus.until('it is reported', () => second.errors.length > 0);
    await bus.platform.timers.sleep(100);
    expect(second.errors).toEqual([
      expect.objectContaining({ code: 'PositionGap', message: expect.stringContaining('restore all stores') }),
    ]);
  });

  test('begins behind what an outbox has deleted already', async () => {
    await bus.publish('orders', keys(10, 1));
    await (await bus.store('orders')).write(async (tx) => {
      await tx.run('delete from ramet_outbox where pos <= 4');
      await tx.run('update ramet_partitions set pruned_upto = 4');
    });
    const missed: Missed[] = [];
    await bus.start('mail', { onMissed: (told) => missed.push(told) });
    await bus.untilEffects('mail', 6);
    expect(missed).toEqual([{ log: 'orders', p: 0, after: 0, through: 4 }]);
  });

  test('takes members of a group on again when the tables of the bus are new', async () => {
    const first = await bus.start('mail');
    await bus.publish('orders', keys(10, 2));
    await bus.untilEffects('mail', 10);
    await first.stop();
    await query(url, `drop schema ${place.schema} cascade`);
    await bus.start('search');
    await bus.untilEffects('search', 10);
    await bus.start('mail');
    await bus.publish('orders', keys(10, 2));
    await bus.untilEffects('mail', 20);
    await bus.expectOnceInOrder('mail', 20);
  });
});

test('a server that may forget what it took is reported at boot', async () => {
  const environment = { platform: realPlatform(), onError: () => {}, owner: newId(realPlatform(), 'own') };
  expect(await postgresBus(url).check?.(environment)).toEqual([]);
  const weak = `${url}?options=${encodeURIComponent('-c synchronous_commit=off')}`;
  expect(await postgresBus(weak).check?.(environment)).toEqual([expect.stringContaining('synchronous_commit = off')]);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { PermanentError } from '../../errors/index.ts';
import { newId, realPlatform } from '../../platform/index.ts';
import type { Store } from '../../store/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import { BusFixture, type BusPlace, FAST } from '../conformance/fixture.conformance.ts';
import { busConformance } from '../conformance.ts';
import { type Envelope, topicOf } from '../index.ts';
import { embedded } from './index.ts';

async function place(): Promise<BusPlace> {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-bus-'));
  const platform = realPlatform();
  const stores = sqlite(folder, { exclusive: false });
  const environment = {
    platform,
    onWarning: () => {},
    onFatal: (error: unknown) => {
      throw error;
    },
  };
  return {
    platform,
    bus: (onError, platform) => embedded().create({ platform, onError, owner: newId(platform, 'own') }),
    store: (service) => stores.open(service, environment),
    dispose: async () => rmSync(folder, { recursive: true }),
  };
}

busConformance('embedded', { capabilities: embedded().capabilities, place });

/** The stores of databases where each transaction has a commit of its own, so that several events share a transaction. */
const commitsApart = async (): Promise<BusPlace> => {
  const found = await place();
  const apart = (store: Store): Store => ({ ...store, capabilities: { ...store.capabilities, sharedCommits: 1 } });
  return { ...found, store: async (service) => apart(await found.store(service)) };
};

busConformance('embedded, several events in a transaction', { capabilities: embedded().capabilities, place: commitsApart });

describe('embedded', () => {
  let bus: BusFixture;
  afterEach(() => bus.dispose());

  test('stops a partition for good in which an event is missing, and says so once', async () => {
    bus = new BusFixture(await place());
    await bus.publish('orders', ['a', 'b', 'c', 'd']);
    await (await bus.store('orders')).write((tx) => tx.run('delete from ramet_outbox where pos = 2'));
    const process = await bus.start('mail');
    await bus.until('an error', () => process.errors.length > 0);
    await bus.publish('orders', ['e']);
    await bus.platform.timers.sleep(20);
    expect(process.errors).toEqual([expect.objectContaining({ code: 'PositionGap' })]);
    expect(await bus.effects('mail')).toEqual([]);
  });

  test('stops and says so when a source was restored from an older copy than a group has read', async () => {
    bus = new BusFixture(await place());
    await bus.publish('orders', ['a', 'b', 'c']);
    const before = await bus.start('mail');
    await bus.until('three effects', async () => (await bus.effects('mail')).length === 3);
    await before.stop();
    const orders = await bus.store('orders');
    await orders.write(async (tx) => {
      await tx.run('delete from ramet_outbox where pos > 1');
      await tx.run('update ramet_partitions set pos = 1');
    });
    const process = await bus.start('mail');
    await bus.until('an error', () => process.errors.length > 0);
    expect(process.errors).toEqual([
      expect.objectContaining({ code: 'PositionGap', message: expect.stringContaining('restore all stores') }),
    ]);
  });

  test('does not blame an event for the end of a process in which its key was blocked', async () => {
    bus = new BusFixture(await place());
    const handle = ({ data }: Envelope) => {
      if ((data as { n: number }).n === 1) throw new PermanentError('never');
    };
    await bus.publish('orders', ['a']);
    const first = await bus.start('mail', { handle });
    await bus.until('a dead letter', async () => (await bus.deadLetters('mail')).length === 1);
    await first.stop();
    await bus.publish('orders', ['a']);
    // As after several ends of the process, none of which this event has caused.
    const store = await bus.store('mail');
    await store.write((tx) => tx.run('update ramet_claims set claimed_to = 2, attempts = ?', FAST.maxAttempts));
    const second = await bus.start('mail', { handle });
    await bus.until('the event came', () => second.outcomes.length > 0);
    expect(second.outcomes).toEqual([{ outcome: 'parked', id: 'evt_orders_a_2' }]);
    expect(await bus.deadLetters('mail')).toMatchObject([{ eventId: 'evt_orders_a_1', parked: 1 }]);
  });

  test('remembers its position although no event was for the group', async () => {
    bus = new BusFixture(await place());
    await bus.publish('orders', ['a', 'b', 'c']);
    const topics = new Set([topicOf('orders', 'placed')]);
    const process = await bus.start('mail', { topics });
    await bus.platform.timers.sleep(20);
    await process.stop();
    const store = await bus.store('mail');
    expect(await store.reader.all('select checkpoint, claimed_to from ramet_claims')).toEqual([{ checkpoint: 3, claimed_to: 3 }]);
  });

  test('attaches and consumes in any order', async () => {
    bus = new BusFixture(await place());
    await bus.start('mail', { sources: ['orders'] });
    await bus.publish('orders', ['a']);
    await bus.untilEffects('mail', 1);
  });

  test('takes an event within milliseconds of its commit', async () => {
    bus = new BusFixture(await place());
    await bus.start('mail');
    await bus.publish('orders', ['warm']);
    await bus.untilEffects('mail', 1);
    const startedMono = bus.platform.clock.monoNow();
    await bus.publish('orders', ['quick']);
    await bus.untilEffects('mail', 2);
    expect(bus.platform.clock.monoNow() - startedMono).toBeLessThan(500);
  });
});

import { Admin, Producer } from '@platformatic/kafka';
import { afterEach, describe, expect, test } from 'vitest';
import { sharedEngine } from '../../platform/engine.fixture.ts';
import { newId, realPlatform } from '../../platform/index.ts';
import { BusFixture } from '../conformance/fixture.conformance.ts';
import { type Envelope, type Missed, topicOf } from '../index.ts';
import { type KafkaOptions, kafka } from './index.ts';
import { kafkaPlace } from './place.fixture.ts';

const broker = sharedEngine('kafka');
const SOURCES = ['orders', 'payments'];
const keys = (count: number, of: number) => Array.from({ length: count }, (_, i) => `k${i % of}`);

describe('topics of Kafka', () => {
  let bus: BusFixture;
  let prefix: string;
  const open = async (more: Partial<KafkaOptions> = {}) => {
    const place = await kafkaPlace(broker, more);
    prefix = place.prefix;
    bus = new BusFixture(place);
  };
  afterEach(() => bus.dispose());

  /** Writes as a foreign program does. */
  async function produce(messages: readonly { topic: string; key?: string; value?: string }[]): Promise<void> {
    const producer = new Producer({ clientId: 'foreign', bootstrapBrokers: [broker] });
    const bytes = (text: string | undefined) => (text === undefined ? {} : Buffer.from(text));
    await producer.send({
      messages: messages.map(({ topic, key, value }) => ({ topic, key: bytes(key) as Buffer, value: bytes(value) as Buffer })),
    });
    await producer.close();
  }

  test('keep the order of each key over several partitions, and are shared by members of a group', async () => {
    await open({ partitions: 4 });
    const members = [await bus.start('mail', { sources: SOURCES })];
    const publishing = Promise.all(SOURCES.map((source) => bus.publish(source, keys(1_000, 25))));
    members.push(await bus.start('mail', { sources: SOURCES }));
    await publishing;
    await bus.untilEffects('mail', 2_000, 30_000);
    let count = 2_000;
    await bus.until(
      'both take part',
      async () => {
        await Promise.all(SOURCES.map((source) => bus.publish(source, keys(200, 25))));
        count += 400;
        await bus.untilEffects('mail', count, 30_000);
        return members.every(({ outcomes }) => outcomes.length > 0);
      },
      30_000,
    );
    await bus.expectOnceInOrder('mail', count);
  });

  test('are read again when they get more partitions, without a restart', async () => {
    await open();
    await bus.start('mail');
    await bus.publish('orders', keys(20, 20));
    await bus.untilEffects('mail', 20);
    const admin = new Admin({ clientId: 'foreign', bootstrapBrokers: [broker] });
    await admin.createPartitions({ topics: [{ name: `${prefix}${topicOf('orders', 'changed')}`, count: 4, assignments: null }] });
    await admin.close();
    let count = 20;
    const mail = await bus.store('mail');
    await bus.until(
      'a new partition is read',
      async () => {
        await bus.publish('orders', keys(20, 20));
        count += 20;
        return (await mail.reader.get('select 1 from ramet_claims where p > 0 and checkpoint > 0')) !== undefined;
      },
      30_000,
    );
    await bus.untilEffects('mail', count, 30_000);
  });

  test('take batches and events of any size that may be emitted, and refuse a larger one when it is emitted', async () => {
    await open();
    const process = await bus.start('mail');
    const large = (bytes: number) => ({ initiator: 'ä'.repeat(bytes / 2) });
    await bus.publish('orders', keys(30, 5), large(300_000));
    await bus.publish('orders', ['one'], large(4 * 2 ** 20 - 2_000));
    await expect(bus.publish('orders', ['two'], large(4 * 2 ** 20))).rejects.toMatchObject({ code: 'PayloadTooLarge' });
    await bus.publish('orders', ['one']);
    await bus.untilEffects('mail', 32, 30_000);
    expect(process.errors).toEqual([]);
  });

  test('take events of others; what is not an envelope, or of another type or version, becomes a dead letter, and the rest continues', async () => {
    await open();
    const seen: Envelope[] = [];
    const process = await bus.start('mail', { handle: (envelope) => void seen.push(envelope) });
    await bus.publish('orders', ['a']);
    await bus.untilEffects('mail', 1);
    const topic = `${prefix}orders.changed`;
    const foreign = {
      id: 'evt_foreign_1',
      type: 'orders.changed',
      version: 1,
      source: 'orders',
      key: 'a',
      timestamp: '2026-07-31T12:00:00.000Z',
      correlationId: 'cor_1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      data: { n: 2 },
      somethingNew: true,
    };
    await produce([
      { topic, key: 'b', value: 'no json' },
      { topic, key: 'c', value: '[]' },
      { topic, key: 'd', value: JSON.stringify({ ...foreign, type: 'orders.other' }) },
      { topic, key: 'e', value: JSON.stringify({ ...foreign, version: 0 }) },
      { topic, key: 'f', value: JSON.stringify({ ...foreign, data: undefined }) },
      { topic, key: 'g', value: '' },
      { topic, key: 'a', value: JSON.stringify(foreign) },
    ]);
    await bus.until('the good one came', () => seen.some(({ id }) => id === 'evt_foreign_1'));
    await bus.until('the others are dead letters', async () => (await bus.deadLetters('mail')).length === 6);
    const letters = await bus.deadLetters('mail');
    expect(letters.every(({ reason, attempts }) => reason === 'UnknownEvent' && attempts === 1)).toBe(true);
    expect(letters.map(({ key, error }) => `${key}: ${error.replace(/^.*not an event 'orders.changed': /, '')}`).toSorted()).toEqual([
      expect.stringContaining('b: it is not JSON'),
      'c: it is not a JSON object',
      "d: its 'type' is 'orders.other'",
      "e: its 'version' is not a whole number from 1",
      "f: its 'data' is not an object",
      expect.stringContaining('g: it is not JSON'),
    ]);
    await bus.publish('orders', ['z']);
    await bus.until('it continues', () => seen.some(({ key }) => key === 'z'));
    expect(process.errors).toEqual([]);
  });

  test('may be mapped: one topic for a service, of which a group takes what it wants', async () => {
    await open({ topic: (type) => type.split('.')[0] as string });
    const topics = new Set([topicOf('orders', 'placed')]);
    await bus.start('mail', { topics });
    await bus.publish('orders', keys(20, 3));
    await bus.publish('orders', ['last'], { type: topicOf('orders', 'placed') });
    await bus.untilEffects('mail', 1);
    expect(await bus.effects('mail')).toEqual(['orders/last/1']);
    expect(await bus.deadLetters('mail')).toEqual([]);
  });

  test('notify a group of what was deleted before it came', async () => {
    await open();
    const first = await bus.start('mail');
    await bus.publish('orders', keys(10, 2));
    await bus.untilEffects('mail', 10);
    const admin = new Admin({ clientId: 'foreign', bootstrapBrokers: [broker] });
    await admin.deleteRecords({ topics: [{ name: `${prefix}orders.changed`, partitions: [{ partition: 0, offset: 4n }] }] });
    await admin.close();
    const missed: Missed[] = [];
    await bus.start('search', { onMissed: (told) => missed.push(told) });
    await bus.untilEffects('search', 6);
    expect(missed).toEqual([{ log: `${prefix}orders.changed`, p: 0, after: 0, through: 4 }]);
    expect(first.errors).toEqual([]);
  });

  test('show tools the progress of a group', async () => {
    await open();
    const process = await bus.start('mail');
    await bus.publish('orders', keys(10, 2));
    await bus.untilEffects('mail', 10);
    await process.stop();
    const admin = new Admin({ clientId: 'foreign', bootstrapBrokers: [broker] });
    const [group] = await admin.listConsumerGroupOffsets({ groups: [`${prefix}mail`] });
    await admin.close();
    expect(group?.topics).toMatchObject([{ name: `${prefix}orders.changed`, partitions: [{ committedOffset: 10n }] }]);
  });
});

test('a cluster that may lose what it took is reported at boot', async () => {
  const environment = { platform: realPlatform(), onError: () => {}, owner: newId(realPlatform(), 'own') };
  const told = await kafka({ brokers: [broker], replicas: 1 }).check?.(environment);
  expect(told?.join('\n')).toMatch(/has 1 broker[\s\S]*replicas: 3[\s\S]*min.insync.replicas = 1/);
});

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { newId, realPlatform } from '../../platform/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import type { BusPlace } from '../conformance/fixture.conformance.ts';
import { type KafkaOptions, kafka } from './index.ts';

/** A bus with names of its own on a broker, with stores on SQLite; its topics are gone afterwards. */
export async function kafkaPlace(broker: string, more: Partial<KafkaOptions> = {}): Promise<BusPlace & { readonly prefix: string }> {
  const prefix = `t${randomBytes(5).toString('hex')}.`;
  const folder = mkdtempSync(join(tmpdir(), 'ramet-bus-'));
  const platform = realPlatform();
  const stores = sqlite(folder, { exclusive: false });
  // So short that no case waits long for the partitions of a process that was killed.
  const options: KafkaOptions = { brokers: [broker], prefix, partitions: 1, session: '1500ms', ...more };
  return {
    prefix,
    platform,
    bus: (onError, on) => kafka(options).create({ platform: on, onError, owner: newId(on, 'own') }),
    store: (service) => stores.open(service, { platform, onWarning: () => {}, onFatal: () => {} }),
    async expel(group) {
      const admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker] });
      await admin.removeMembersFromConsumerGroup({ groupId: prefix + group });
      await admin.close();
    },
    async dispose() {
      rmSync(folder, { recursive: true });
      const admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker] });
      const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
      if (topics.length > 0) await admin.deleteTopics({ topics });
      await admin.close();
    },
  };
}

import { expect } from 'vitest';
import type { Case } from '../../platform/cases.conformance.ts';
import type { OnBus } from './delivery.conformance.ts';
import type { BusFixture } from './fixture.conformance.ts';

const DAY_MS = 86_400_000;
const daysAgo = (bus: BusFixture, days: number): string => new Date(bus.platform.clock.wallNow() - days * DAY_MS).toISOString();

/** As retention does: the inbox forgets what it took over before `days` ago. */
async function forget(bus: BusFixture, group: string, days: number, eventIds: readonly string[]): Promise<void> {
  const store = await bus.store(group);
  await store.write(async (tx) => {
    for (const id of eventIds) await tx.run('delete from ramet_inbox where event_id = ?', id);
    await tx.run("insert into ramet_marks (name, at) values ('inbox', ramet_now() - ?)", days * DAY_MS);
  });
}

/** Cases about events that come again when the inbox has forgotten them. */
export function horizonCases(it: Case, onBus: OnBus): void {
  it(
    'gives no effect to an event that comes again after the inbox has forgotten it; it becomes a dead letter',
    onBus(async (bus) => {
      const first = await bus.start('mail');
      const ids = await bus.publish('orders', ['a', 'b'], { timestamp: daysAgo(bus, 20) });
      await bus.untilEffects('mail', 2);
      await first.stop();
      await forget(bus, 'mail', 14, ids);
      const again = await bus.start('mail');
      const outbox = await bus.outbox('orders');
      const rows = await outbox.read(0, 0, 10);
      const claim = await (await bus.store('mail')).reader.get<{ source: string }>('select source from ramet_claims');
      await again.consumer.deliver({
        log: claim?.source as string,
        p: 0,
        through: 2,
        deliveries: rows.map(({ pos, envelope }) => ({ pos, envelope: JSON.parse(envelope) })),
      });
      expect(await bus.effects('mail')).toEqual(['orders/a/1', 'orders/b/1']);
      expect((await bus.deadLetters('mail')).map(({ key, reason }) => [key, reason]).toSorted()).toEqual([
        ['a', 'DEDUP_HORIZON'],
        ['b', 'DEDUP_HORIZON'],
      ]);
      expect(again.outcomes.map(({ outcome }) => outcome)).toEqual(['dead', 'dead']);
    }),
  );

  it(
    'takes what was under way at the end of a process for forgotten when that was too long ago, and an operator may replay it',
    onBus(async (bus) => {
      const first = await bus.start('mail', { handle: (_, __, process) => process.kill() });
      await bus.publish('orders', ['a']);
      const store = await bus.store('mail');
      await bus.until(
        'the claim is written',
        async () => (await store.reader.get('select 1 from ramet_claims where claimed_to = 1')) !== undefined,
      );
      expect(first.outcomes).toEqual([]);
      await store.write((tx) => tx.run('update ramet_claims set claimed_at = claimed_at - ?', 20 * DAY_MS));
      await forget(bus, 'mail', 14, []);
      const second = await bus.start('mail');
      await bus.until('a dead letter', async () => (await bus.deadLetters('mail')).length === 1);
      expect(await bus.deadLetters('mail')).toMatchObject([{ reason: 'DEDUP_HORIZON', key: 'a' }]);
      expect(await bus.effects('mail')).toEqual([]);
      await bus.settle(second, 'mail');
      await bus.untilEffects('mail', 1);
    }),
  );

  it(
    'handles events for the first time however old they are',
    onBus(async (bus) => {
      await forget(bus, 'mail', 14, []);
      await bus.publish('orders', ['a', 'b', 'a'], { timestamp: daysAgo(bus, 300) });
      const process = await bus.start('mail');
      await bus.untilEffects('mail', 3);
      expect(process.outcomes.every(({ outcome }) => outcome === 'handled')).toBe(true);
    }),
  );
}

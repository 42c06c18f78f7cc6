import { expect } from 'vitest';
import type { Case } from '../platform/cases.conformance.ts';
import type { OnDiscovery } from './fixture.conformance.ts';

/** What holds while the registry is unavailable, and after that. */
export function outageCases(it: Case, onDiscovery: OnDiscovery): void {
  it(
    'a registry that is unavailable removes no instance',
    onDiscovery(async (fixture) => {
      const { instance } = await fixture.offering('billing');
      const follower = await fixture.following('billing');
      await fixture.seen(follower, 'billing', [instance]);
      const before = follower.instances('billing');
      await fixture.cut();
      await fixture.stays(follower, 'billing', [instance], 2_000);
      await fixture.mend();
      await fixture.stays(follower, 'billing', [instance], 2_000);
      expect(follower.instances('billing')).toBe(before);
    }),
  );

  it(
    'failures in the background are reported while the registry is unavailable, and no longer after that',
    onDiscovery(async (fixture) => {
      await fixture.following('billing');
      await fixture.cut();
      const startMono = fixture.platform.clock.monoNow();
      while (fixture.errors.length === 0 && fixture.platform.clock.monoNow() - startMono < 20_000) await fixture.platform.timers.sleep(20);
      expect(fixture.errors[0]).toMatchObject({ code: 'Unavailable' });
      await fixture.mend();
      const { instance } = await fixture.offering('billing');
      await fixture.seen(await fixture.following('billing'), 'billing', [instance]);
    }),
  );

  it(
    'changes during an outage of the registry are found after it',
    onDiscovery(async (fixture) => {
      const gone = await fixture.offering('billing');
      const stays = await fixture.offering('billing');
      const follower = await fixture.following('billing');
      await fixture.seen(follower, 'billing', [gone.instance, stays.instance]);
      await fixture.cut();
      await fixture.mend();
      await gone.discovery.withdraw();
      const comes = await fixture.offering('billing');
      await fixture.seen(follower, 'billing', [stays.instance, comes.instance]);
    }),
  );

  it(
    'registering fails with Unavailable while the registry is unavailable',
    onDiscovery(async (fixture) => {
      await fixture.cut();
      const process = fixture.process();
      await expect(process.register([fixture.registration('billing')])).rejects.toMatchObject({ code: 'Unavailable', executed: 'no' });
      await fixture.mend();
      const { instance } = await fixture.offering('billing');
      // The one that failed is not made known later behind its back.
      await fixture.stays(await fixture.following('billing'), 'billing', [instance]);
    }),
  );

  it(
    'taking back and closing succeed while the registry is unavailable',
    onDiscovery(async (fixture) => {
      const { discovery } = await fixture.offering('billing');
      const other = await fixture.offering('billing');
      await fixture.following('billing');
      await fixture.cut();
      await discovery.withdraw();
      await other.discovery.close();
      await fixture.mend();
    }),
  );

  it(
    'following does not wait longer than its limit, and continues in the background',
    onDiscovery(async (fixture) => {
      const { instance } = await fixture.offering('billing');
      await fixture.cut();
      const follower = fixture.process();
      const startMono = fixture.platform.clock.monoNow();
      await follower.follow(['billing'], 300);
      expect(fixture.platform.clock.monoNow() - startMono).toBeLessThan(fixture.clockMs(2_000));
      expect(follower.instances('billing')).toEqual([]);
      await fixture.mend();
      await fixture.seen(follower, 'billing', [instance]);
    }),
  );

  it(
    'instances are registered again in a registry that has lost its data',
    onDiscovery(async (fixture) => {
      const one = await fixture.offering('billing');
      const two = await fixture.offering('billing');
      const before = await fixture.following('billing');
      await fixture.seen(before, 'billing', [one.instance, two.instance]);
      await fixture.forget();
      const after = await fixture.following('billing');
      await fixture.seen(after, 'billing', [one.instance, two.instance]);
      await fixture.seen(before, 'billing', [one.instance, two.instance]);
      // Those who followed before follow on, whatever positions the new registry counts.
      const three = await fixture.offering('billing');
      await fixture.seen(before, 'billing', [one.instance, two.instance, three.instance], 2_000);
    }),
  );

  it(
    'an instance that was taken back is not registered again',
    onDiscovery(async (fixture) => {
      const gone = await fixture.offering('billing');
      const stays = await fixture.offering('billing');
      await gone.discovery.withdraw();
      await fixture.forget();
      const follower = await fixture.following('billing');
      await fixture.stays(follower, 'billing', [stays.instance], 8_000);
    }),
  );
}

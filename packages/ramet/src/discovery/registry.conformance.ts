import { expect } from 'vitest';
import type { Case } from '../platform/cases.conformance.ts';
import { instanceOf, muxAt, type OnDiscovery, PUSHED_MS } from './fixture.conformance.ts';
import type { DiscoveryCapabilities } from './index.ts';

/** What processes make known, change and take back. */
export function registryCases(it: Case, onDiscovery: OnDiscovery, capabilities: DiscoveryCapabilities): void {
  it(
    'an instance that registers later is found',
    onDiscovery(async (fixture) => {
      const follower = await fixture.following('billing');
      expect(follower.instances('billing')).toEqual([]);
      const { instance } = await fixture.offering('billing');
      const afterMs = await fixture.seen(follower, 'billing', [instance]);
      if (capabilities.pushes) expect(afterMs).toBeLessThan(fixture.clockMs(PUSHED_MS));
    }),
  );

  it(
    'several instances of one process register together',
    onDiscovery(async (fixture) => {
      const process = fixture.process();
      const registrations = [fixture.registration('billing'), fixture.registration('mail'), fixture.registration('billing')];
      await process.register(registrations);
      const follower = await fixture.following('billing', 'mail');
      const [one, two, three] = registrations.map(instanceOf);
      await fixture.seen(follower, 'billing', [one, three] as never);
      await fixture.seen(follower, 'mail', [two] as never);
    }),
  );

  it(
    'an instance that is taken back is excluded, and the others stay',
    onDiscovery(async (fixture) => {
      const gone = await fixture.offering('billing');
      const stays = await fixture.offering('billing');
      const follower = await fixture.following('billing');
      await fixture.seen(follower, 'billing', [gone.instance, stays.instance]);
      await gone.discovery.withdraw();
      const afterMs = await fixture.seen(follower, 'billing', [stays.instance]);
      if (capabilities.pushes) expect(afterMs).toBeLessThan(fixture.clockMs(PUSHED_MS));
      await fixture.stays(follower, 'billing', [stays.instance]);
    }),
  );

  it(
    'the instances of one service are taken back, and those of the others stay and may be joined again',
    onDiscovery(async (fixture) => {
      const process = fixture.process();
      const [billing, mail] = [fixture.registration('billing'), fixture.registration('mail')];
      await process.register([billing, mail]);
      const other = await fixture.offering('billing');
      const follower = await fixture.following('billing', 'mail');
      await fixture.seen(follower, 'billing', [instanceOf(billing), other.instance]);
      await process.withdraw(['billing']);
      await fixture.seen(follower, 'billing', [other.instance]);
      await fixture.stays(follower, 'mail', [instanceOf(mail)]);
      const again = fixture.registration('billing');
      await process.register([again]);
      await fixture.seen(follower, 'billing', [other.instance, instanceOf(again)]);
    }),
  );

  it(
    'closing takes back every instance',
    onDiscovery(async (fixture) => {
      const gone = await fixture.offering('billing');
      const stays = await fixture.offering('billing');
      await gone.discovery.close();
      const follower = await fixture.following('billing');
      await fixture.stays(follower, 'billing', [stays.instance]);
    }),
  );

  it(
    'a process may register again after it was taken back',
    onDiscovery(async (fixture) => {
      const { discovery, instance } = await fixture.offering('billing');
      const stays = await fixture.offering('billing');
      const follower = await fixture.following('billing');
      await discovery.withdraw();
      await fixture.seen(follower, 'billing', [stays.instance]);
      await discovery.register([fixture.registration('billing', instance)]);
      await fixture.seen(follower, 'billing', [instance, stays.instance]);
    }),
  );

  it(
    'an instance that registers at another address is found there',
    onDiscovery(async (fixture) => {
      const { discovery, instance } = await fixture.offering('billing', { endpoints: [muxAt(20_001)] });
      const follower = await fixture.following('billing');
      await fixture.seen(follower, 'billing', [instance]);
      await discovery.register([fixture.registration('billing', { id: instance.id, endpoints: [muxAt(20_002)] })]);
      await fixture.seen(follower, 'billing', [{ ...instance, endpoints: [muxAt(20_002)] }]);
    }),
  );

  it(
    'an instance that answers by several protocols is found with each of its endpoints, and with those that it has later',
    onDiscovery(async (fixture) => {
      const endpoints = [
        muxAt(20_001),
        { protocol: 'http', host: '127.0.0.1', port: 20_002 },
        { protocol: 'grpc', host: '::1', port: 20_003 },
      ];
      const { discovery, instance } = await fixture.offering('billing', { endpoints });
      const follower = await fixture.following('billing');
      await fixture.seen(follower, 'billing', [instance]);
      const fewer = fixture.registration('billing', { id: instance.id, endpoints: endpoints.slice(1) });
      await discovery.register([fewer]);
      await fixture.seen(follower, 'billing', [instanceOf(fewer)]);
    }),
  );

  it(
    'the last instance that is taken back stays known, until there is another',
    onDiscovery(async (fixture) => {
      const last = await fixture.offering('billing');
      const follower = await fixture.following('billing');
      await fixture.seen(follower, 'billing', [last.instance]);
      await last.discovery.withdraw();
      await fixture.stays(follower, 'billing', [last.instance]);
      const next = await fixture.offering('billing');
      await fixture.seen(follower, 'billing', [next.instance]);
    }),
  );

  it(
    'a service that flaps ends in the state of its last change',
    onDiscovery(async (fixture) => {
      const stays = await fixture.offering('billing');
      const follower = await fixture.following('billing');
      const flapping = fixture.process();
      const registration = fixture.registration('billing');
      for (let change = 0; change < 20; change += 1) {
        await flapping.register([registration]);
        await flapping.withdraw();
      }
      await fixture.stays(follower, 'billing', [stays.instance]);
      await flapping.register([registration]);
      await fixture.seen(follower, 'billing', [instanceOf(registration), stays.instance]);
      expect(fixture.errors).toEqual([]);
    }),
  );

  it(
    'many followers see a change',
    onDiscovery(async (fixture) => {
      const followers = await Promise.all(Array.from({ length: 20 }, () => fixture.following('billing', 'mail')));
      const { instance } = await fixture.offering('billing');
      await Promise.all(followers.map((follower) => fixture.seen(follower, 'billing', [instance])));
    }),
  );

  if (!capabilities.checks) return;
  it(
    'an instance that fails its check is excluded, and found again when it passes',
    onDiscovery(async (fixture) => {
      const sick = await fixture.offering('billing');
      const well = await fixture.offering('billing', { healthUrl: fixture.alwaysWellUrl });
      const follower = await fixture.following('billing');
      await fixture.seen(follower, 'billing', [sick.instance, well.instance]);
      fixture.healthy = false;
      await fixture.seen(follower, 'billing', [well.instance]);
      fixture.healthy = true;
      await fixture.seen(follower, 'billing', [sick.instance, well.instance]);
    }),
  );
}

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnEngine, ownEngine } from '../../platform/engine.fixture.ts';
import { realPlatform } from '../../platform/index.ts';
import { discoveryConformance } from '../conformance.ts';
import { DiscoveryFixture, type DiscoveryPlace, serveHealth } from '../fixture.conformance.ts';
import { capabilities, consul } from './consul.ts';

// Tests of a file follow one another, so that one Consul is enough although some of them stop it.
let engine: OwnEngine;
let places = 0;
beforeAll(async () => {
  engine = await ownEngine('consul');
});
afterAll(() => engine?.wipe());

async function place(): Promise<DiscoveryPlace> {
  const platform = realPlatform();
  places += 1;
  const prefix = `case-${places}-`;
  return {
    platform,
    discovery: (onError) => consul(engine.url, { allow: ['loopback'], prefix }).create({ platform, onError }),
    cut: () => engine.stop(),
    mend: () => engine.start(),
    async forget() {
      await engine.stop();
      await rm(join(engine.folder, 'data'), { recursive: true });
      await engine.start();
    },
    dispose: () => platform.http.close(),
  };
}

discoveryConformance('consul', { capabilities, place });

describe('a real Consul', () => {
  async function onConsul(run: (fixture: DiscoveryFixture) => Promise<void>): Promise<void> {
    const fixture = new DiscoveryFixture(capabilities, await place(), await serveHealth());
    await run(fixture).finally(() => fixture.dispose());
  }
  const ask = async (path: string): Promise<any> => (await fetch(engine.url + path)).json();

  test('knows what an instance was registered with, and how to check it', () =>
    onConsul(async (fixture) => {
      const { instance } = await fixture.offering('billing', { tags: ['blue', 'v2'] });
      expect(await ask(`/v1/agent/service/${instance.id}`)).toMatchObject({
        ID: instance.id,
        Service: `case-${places}-billing`,
        Address: '127.0.0.1',
        Port: instance.endpoints[0]?.port,
        Meta: { 'ramet-endpoint-mux': `127.0.0.1:${instance.endpoints[0]?.port}` },
        Tags: ['blue', 'v2'],
      });
      const [check] = await ask(`/v1/health/checks/case-${places}-billing`);
      expect(check).toMatchObject({ Type: 'http', Interval: '10s', Timeout: '5s', Status: 'passing' });
    }));

  test('that is paused removes nothing, refuses a late process in time, and works again afterwards', () =>
    onConsul(async (fixture) => {
      const { instance } = await fixture.offering('billing');
      const follower = await fixture.following('billing');
      await fixture.seen(follower, 'billing', [instance]);
      await engine.pause();
      try {
        const late = fixture.process();
        const startMono = fixture.platform.clock.monoNow();
        await expect(late.register([fixture.registration('billing')])).rejects.toMatchObject({
          code: 'Unavailable',
          message: expect.stringContaining('did not answer: no answer within 5000 ms'),
        });
        expect(fixture.platform.clock.monoNow() - startMono).toBeLessThan(12_000);
        await fixture.stays(follower, 'billing', [instance]);
      } finally {
        await engine.resume();
      }
      // The registration that was given up arrives after all, and is taken back.
      const next = await fixture.offering('billing');
      await fixture.seen(follower, 'billing', [instance, next.instance]);
    }));

  test('that crashes and restarts has kept every instance, and followers continue', () =>
    onConsul(async (fixture) => {
      const { instance } = await fixture.offering('billing');
      const follower = await fixture.following('billing');
      await fixture.seen(follower, 'billing', [instance]);
      await engine.restart('immediate');
      await fixture.stays(follower, 'billing', [instance], 2_000);
      const next = await fixture.offering('billing');
      await fixture.seen(follower, 'billing', [instance, next.instance], 12_000);
    }));
});

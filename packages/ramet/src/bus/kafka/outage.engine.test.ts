import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OwnEngine, ownEngine } from '../../platform/engine.fixture.ts';
import { BusFixture } from '../conformance/fixture.conformance.ts';
import { outageSuite } from '../conformance.ts';
import { kafkaPlace } from './place.fixture.ts';

/** Well below what orchestrators give a process to stop. */
const ENDED_MS = 15_000;

describe('kafka', () => {
  let engine: OwnEngine;
  beforeAll(async () => {
    engine = await ownEngine('kafka');
  });
  afterAll(() => engine?.wipe());
  outageSuite('kafka', () => kafkaPlace(engine.url), {
    stop: () => engine.stop(),
    start: () => engine.start(),
    restart: () => engine.restart('immediate'),
  });

  test('ends in time while the broker has stopped answering: what was on its way is sent again', async () => {
    const bus = new BusFixture(await kafkaPlace(engine.url));
    try {
      const process = await bus.start('mail');
      await bus.publish('orders', ['a', 'b']);
      await bus.untilEffects('mail', 2);
      await engine.pause();
      try {
        await bus.publish('orders', ['a', 'b']);
        const joining = await bus.start('audit', { hosts: false });
        await sleep(500);
        const startedMono = performance.now();
        await Promise.all([process.stop(), joining.stop()]);
        expect(performance.now() - startedMono).toBeLessThan(ENDED_MS);
      } finally {
        await engine.resume();
      }
      await bus.start('mail');
      await bus.untilEffects('mail', 4, 60_000);
      await bus.expectOnceInOrder('mail', 4);
    } finally {
      await bus.dispose();
    }
  }, 180_000);
});

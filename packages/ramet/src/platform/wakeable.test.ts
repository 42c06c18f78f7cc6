import { expect, test } from 'vitest';
import { realPlatform, Wakeable } from './index.ts';

const NEVER_MS = 3_600_000;

test('a sleep ends when it is woken, and after its time', async () => {
  const wakeable = new Wakeable(realPlatform());
  const sleeping = wakeable.sleep(NEVER_MS);
  wakeable.wake();
  await sleeping;
  wakeable.reset();
  await wakeable.sleep(1);
  expect(wakeable.woken).toBe(false);
});

test('a wake while nothing sleeps ends the next sleep at once, until it is reset', async () => {
  const wakeable = new Wakeable(realPlatform());
  wakeable.wake();
  await wakeable.sleep(NEVER_MS);
  await wakeable.sleep(NEVER_MS);
  wakeable.reset();
  let ended = false;
  const sleeping = wakeable.sleep(NEVER_MS).then(() => {
    ended = true;
  });
  await realPlatform().timers.yield();
  expect(ended).toBe(false);
  wakeable.wake();
  await sleeping;
});

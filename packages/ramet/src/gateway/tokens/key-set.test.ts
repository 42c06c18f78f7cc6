import { expect, test } from 'vitest';
import { VirtualTime } from '../../rpc/virtual-time.fixture.ts';
import { silentLog } from '../../telemetry/index.ts';
import { newKey } from './issuer.fixture.ts';
import { FETCH_MS, FRESH_MS, FRESH_WAIT_MS, KeySet, RENEW_MS, STALE_MS, WAITING_MAX } from './key-set.ts';

const [k1, k2] = [newKey('k1').jwk, newKey('k2').jwk];

/** A key set whose issuer answers when the test says so, and whose time passes when the test says so. */
function keySet() {
  const time = new VirtualTime();
  const fetches: { readonly signal: AbortSignal; answer(keys: unknown): void; fail(): void }[] = [];
  const keys = new KeySet(time.platform, silentLog, 'EdDSA', (signal) => {
    return new Promise((resolve, reject) =>
      fetches.push({ signal, answer: (list) => resolve({ keys: list }), fail: () => reject(new Error('no')) }),
    );
  });
  const answered = async (...list: unknown[]) => {
    const first = keys.get('any');
    fetches.at(-1)?.answer(list);
    await Promise.resolve(first).catch(() => {});
  };
  return { time, fetches, keys, answered };
}

test('all requests for a key wait for one fetch', async () => {
  const { keys, fetches } = keySet();
  const waiting = Array.from({ length: 50 }, (_, i) => keys.get(i % 2 === 0 ? 'k1' : 'other'));
  expect(fetches).toHaveLength(1);
  fetches[0]?.answer([k1]);
  const found = await Promise.all(waiting);
  expect(found.filter((key) => key?.kid === 'k1')).toHaveLength(25);
  expect(fetches).toHaveLength(1);
});

test('a known key is available at once while its issuer hangs, and the fetch fails after three seconds', async () => {
  const { time, fetches, keys, answered } = keySet();
  await answered(k1);
  await time.pass(RENEW_MS + 1);
  for (let i = 0; i < 100; i++) expect(keys.get('k1')).toMatchObject({ kid: 'k1' });
  expect(fetches).toHaveLength(2);
  await time.pass(FETCH_MS - 1);
  expect(fetches[1]?.signal.aborted).toBe(false);
  await time.pass(1);
  expect(fetches[1]?.signal.aborted).toBe(true);
  expect(keys.get('k1')).toMatchObject({ kid: 'k1' });
  expect(time.timers).toBe(0);
});

test('an answer after the end of its fetch is not used', async () => {
  const { time, fetches, keys, answered } = keySet();
  await answered(k1);
  await time.pass(RENEW_MS + 1);
  void keys.get('k1');
  await time.pass(FETCH_MS);
  fetches[1]?.answer([k2]);
  await time.pass(1);
  expect(keys.get('k1')).toMatchObject({ kid: 'k1' });
});

test('for keys that are older than ten minutes a request waits half a second, once, and then uses them', async () => {
  const { time, fetches, keys, answered } = keySet();
  await answered(k1);
  await time.pass(FRESH_MS + 1);
  let first: unknown = 'waits';
  void Promise.resolve(keys.get('k1')).then((key) => (first = key));
  await time.pass(FRESH_WAIT_MS - 1);
  expect(first).toBe('waits');
  await time.pass(1);
  expect(first).toMatchObject({ kid: 'k1' });
  // The fetch is still under way, and delays no other request.
  expect(keys.get('k1')).toMatchObject({ kid: 'k1' });
  await time.pass(FETCH_MS);
  await time.pass(5_000);
  // The fetch failed, so that no request waits for the next one.
  expect(keys.get('k1')).toMatchObject({ kid: 'k1' });
  expect(fetches).toHaveLength(3);
});

test('a withdrawn key fails with the first request after ten minutes while the issuer answers', async () => {
  const { time, fetches, keys, answered } = keySet();
  await answered(k1, k2);
  await time.pass(FRESH_MS + 1);
  const first = keys.get('k1');
  fetches.at(-1)?.answer([k2]);
  expect(await first).toBeUndefined();
  expect(keys.get('k2')).toMatchObject({ kid: 'k2' });
});

test('unknown keys cause a fetch every 30 seconds when fetches succeed, and ever more rarely when they fail', async () => {
  const { time, fetches, keys, answered } = keySet();
  await answered(k1);
  for (let second = 0; second < 90; second++) {
    const found = keys.get('unknown');
    fetches.at(-1)?.answer([k1]);
    expect(await found).toBeUndefined();
    await time.pass(1_000);
  }
  expect(fetches).toHaveLength(3);
  const before = fetches.length;
  const asked = async () => keys.get('unknown');
  for (let second = 0; second < 900; second++) {
    const found = asked();
    fetches.slice(before).at(-1)?.fail();
    await found.catch(() => {});
    await time.pass(1_000);
  }
  // After 5, 15, 45, 135, 300 and 300 seconds.
  expect(fetches.length - before).toBeLessThanOrEqual(8);
  expect(fetches.length - before).toBeGreaterThanOrEqual(5);
});

test('an unknown key is not called invalid while its issuer is unavailable', async () => {
  const { fetches, keys, time, answered } = keySet();
  const first = keys.get('k1');
  fetches[0]?.fail();
  await expect(first).rejects.toMatchObject({ code: 'Unavailable', executed: 'no', retryAfterMs: 5_000 });
  expect(() => keys.get('k1')).toThrow('unavailable');
  await time.pass(5_000);
  await answered(k1);
  expect(keys.get('k1')).toMatchObject({ kid: 'k1' });
  await time.pass(40_000);
  const unknown = keys.get('k3');
  fetches.at(-1)?.fail();
  await expect(unknown).rejects.toMatchObject({ code: 'Unavailable' });
});

test('keys stay valid for a day without their issuer, and no longer', async () => {
  const { time, fetches, keys, answered } = keySet();
  await answered(k1);
  await time.pass(STALE_MS);
  const old = keys.get('k1');
  fetches.at(-1)?.fail();
  expect(await old).toMatchObject({ kid: 'k1' });
  await time.pass(1);
  expect(() => keys.get('k1')).toThrow('unavailable');
});

test('the number of requests that wait is bounded', async () => {
  const { fetches, keys } = keySet();
  const waiting = Array.from({ length: WAITING_MAX }, () => keys.get('k1'));
  await expect(keys.get('k1')).rejects.toMatchObject({ code: 'Unavailable', retryAfterMs: 1_000 });
  fetches[0]?.answer([k1]);
  expect((await Promise.all(waiting)).every((key) => key?.kid === 'k1')).toBe(true);
});

test('an issuer that answers with an empty set has withdrawn its keys; one that answers nonsense has not', async () => {
  const { time, fetches, keys, answered } = keySet();
  await answered(k1);
  await time.pass(RENEW_MS + 1);
  void keys.get('k1');
  fetches.at(-1)?.answer('nonsense');
  await time.pass(1);
  expect(keys.get('k1')).toMatchObject({ kid: 'k1' });
  await time.pass(5_000);
  void keys.get('k1');
  fetches.at(-1)?.answer([]);
  await time.pass(1);
  expect(keys.get('k1')).toBeUndefined();
});

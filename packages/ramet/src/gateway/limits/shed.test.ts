import { expect, test } from 'vitest';
import { RametError } from '../../errors/index.ts';
import type { AdmittedExchange } from '../../http/index.ts';
import type { Admission, Place } from '../../load/index.ts';
import { realPlatform } from '../../platform/index.ts';
import { Canceller } from '../../rpc/index.ts';
import { silentLog } from '../../telemetry/index.ts';
import { Shed } from './shed.ts';

/** A process in which every request waits until the test grants its place. */
function busy() {
  const waiting = Promise.withResolvers<Place | undefined>();
  const shed: string[] = [];
  const admission = { enter: () => waiting.promise, limit: 0, waiting: 1 } as unknown as Admission;
  const places = new Shed({
    ...{ platform: realPlatform(), log: silentLog, gateway: 'web', admission },
    onShed: (priority) => shed.push(priority),
  });
  return { places, shed, grant: (place: Place | undefined) => waiting.resolve(place) };
}

const exchangeOf = (canceller: Canceller) => ({ gated: { method: 'GET', headers: new Map() }, canceller }) as unknown as AdmittedExchange;

test('a request that is cancelled while it waits for a place is refused at once, for the reason of its cancellation', async () => {
  const { places, shed } = busy();
  const canceller = new Canceller();
  const place = places.enter('GET', canceller);
  canceller.cancel(new RametError('ShuttingDown'));
  expect(await place).toBeUndefined();
  expect(places.refused(exchangeOf(canceller))).toMatchObject({ status: 503, body: expect.stringContaining('"code":"ShuttingDown"') });
  expect(shed).toEqual([]);
});

test('a place that is granted in the moment of the cancellation is given back', async () => {
  const { places, grant } = busy();
  const canceller = new Canceller();
  const place = places.enter('GET', canceller);
  let left = 0;
  grant({ leave: () => left++ });
  canceller.cancel(new RametError('Cancelled'));
  expect(await place).toBeUndefined();
  await expect.poll(() => left).toBe(1);
});

test('a request that gets no place is refused as overload, and one that gets a place keeps it', async () => {
  const refused = busy();
  const place = refused.places.enter('POST', new Canceller());
  refused.grant(undefined);
  expect(await place).toBeUndefined();
  expect(refused.places.refused(exchangeOf(new Canceller()))).toMatchObject({
    status: 503,
    body: expect.stringContaining('"code":"Overloaded"'),
  });
  expect(refused.shed).toEqual(['read']);
  const admitted = busy();
  const own: Place = { leave() {} };
  const granted = admitted.places.enter('POST', new Canceller());
  admitted.grant(own);
  expect(await granted).toBe(own);
});

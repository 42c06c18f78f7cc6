import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startApp, until } from './app.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'bookings-'));
const THINKING_MS = 200;
let app = await startApp(dataDir, THINKING_MS);
after(async () => {
  await app.kill();
  rmSync(dataDir, { recursive: true, force: true });
});

const place = async (guest: string, room: string, nights: string[]): Promise<string> =>
  (await app.post('/bookings', { guest, room, nights })).bookingId;
const ended = (bookingId: string) =>
  until(
    () => app.get(`/bookings/${bookingId}`),
    ({ status }) => status === 'confirmed' || status === 'cancelled',
  );
const heldNights = async (room: string): Promise<string[]> => (await app.get(`/rooms/${room}`)).nights.map(({ night }: any) => night);

test('a booking gets all its nights', async () => {
  const booking = await ended(await place('Ada', '11', ['2027-05-01', '2027-05-02']));
  assert.equal(booking.status, 'confirmed');
  assert.deepEqual(await heldNights('11'), ['2027-05-01', '2027-05-02']);
});

test('a booking whose second night is taken gives the first one back', async () => {
  await ended(await place('Ada', '12', ['2027-05-02']));
  const booking = await ended(await place('Grace', '12', ['2027-05-01', '2027-05-02']));
  assert.equal(booking.status, 'cancelled');
  assert.match(booking.reason, /Taken/);
  assert.deepEqual(await heldNights('12'), ['2027-05-02']);
});

test('a booking survives kill -9 in the middle', async () => {
  const nights = ['2027-05-01', '2027-05-02', '2027-05-03'];
  const bookingId = await place('Ada', '13', nights);
  const held = await until(
    () => heldNights('13'),
    (answer) => answer.length > 0,
  );
  await app.kill();
  assert.ok(held.length < nights.length, 'the kill was too late: nothing was left to do');

  app = await startApp(dataDir, THINKING_MS);
  assert.equal((await ended(bookingId)).status, 'confirmed');
  assert.deepEqual(await heldNights('13'), nights);
});

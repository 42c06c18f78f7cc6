import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import type { Saga, SagaContext } from '../saga/index.ts';
import { eventually, startTravel, temporaryFolder } from './fixtures/start.fixture.ts';
import { newWorld, planTrip, Trips } from './fixtures/travel.fixture.ts';

const CLIENTS = 24;

/** Clients in a thread of their own, each with a new connection: they send while the server's thread is busy. */
const clients = `
  const { connect } = require('node:net');
  const { parentPort, workerData: { port, count, flags } } = require('node:worker_threads');
  parentPort.postMessage('here');
  Atomics.wait(flags, 0, 0);
  const answers = Array.from({ length: count }, (_, index) => new Promise((resolve) => {
    const body = JSON.stringify({ tripId: 'trip-' + index });
    let text = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(
        'POST /trips HTTP/1.1\\r\\nhost: localhost\\r\\ncontent-type: application/json\\r\\ncontent-length: ' + body.length + '\\r\\n\\r\\n' + body,
        () => Atomics.add(flags, 1, 1),
      );
    });
    socket.setEncoding('utf8').on('data', (chunk) => { text += chunk; }).on('error', (error) => resolve(error.code));
    socket.on('close', () => resolve(text.split('\\r\\n')[0]));
  }));
  Promise.all(answers).then((all) => parentPort.postMessage(all));
`;

test('a process that stops answers everything that was sent before, accepted and read or not', async () => {
  using folder = temporaryFolder();
  const t = await startTravel(folder.path, { ports: { edge: 0 } });
  const flags = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(clients, { eval: true, workerData: { port: t.runtime.ports['edge'], count: CLIENTS, flags } });
  await once(worker, 'message');
  Atomics.store(flags, 0, 1);
  Atomics.notify(flags, 0);
  // Nothing is accepted meanwhile: this thread does not come to it.
  while (Atomics.load(flags, 1) < CLIENTS);
  const stopping = t.runtime.stop();
  const [answers] = (await once(worker, 'message')) as [string[]];
  await stopping;
  expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 202 Accepted']));
});

test('a saga whose participant has stopped already does not delay the end, and continues in the next process', async () => {
  using folder = temporaryFolder();
  const world = newWorld();
  let away = true;
  world.hook = (name) => {
    if (away && name === 'flights.perform') throw new Error('the airline is unavailable');
  };
  // Long enough for a slow machine to start again.
  const patient = {
    ...planTrip,
    async run({ tripId }: { tripId: string }, saga: SagaContext<typeof planTrip.uses>) {
      const { trips, flights } = saga.use as any;
      await saga.step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await saga.step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }), timeout: '500ms', deadline: '30s' });
      await saga.pivot('confirm', trips.confirm({ tripId }));
    },
  } as unknown as Saga<{ tripId: string }, unknown>;
  world.saga = patient;
  const t = await startTravel(folder.path, { world });
  await t.runtime.client(Trips).plan({ tripId: 'p' });
  await eventually(() => world.calls.includes('flights.perform'));
  const startedMono = performance.now();
  await t.runtime.stop();
  expect(performance.now() - startedMono).toBeLessThan(5_000);
  away = false;
  await using next = await startTravel(folder.path, { world });
  await eventually(
    () => next.runtime.client(Trips).state({ tripId: 'p' }),
    (trip) => trip.state === 'confirmed',
  );
});

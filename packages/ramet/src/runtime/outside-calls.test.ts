import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, query } from '../contract/index.ts';
import { RametError } from '../errors/index.ts';
import { use } from '../rpc/index.ts';
import { saga } from '../saga/index.ts';
import { service } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { eventually, temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const Ref = z.object({ id: z.string() });
const Desk = contract('desk', {
  commands: {
    begin: command({ input: Ref }),
    book: command({ input: Ref }),
    free: command({ input: Ref }),
    later: command({ input: Ref }),
    remind: command({ input: Ref }),
  },
});

test('an alert webhook that accepts connections and never answers holds up no sent command', async () => {
  using folder = temporaryFolder();
  const sockets: Socket[] = [];
  const hole = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {}).resume();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => hole.once('listening', resolve));
  const reminded: string[] = [];
  const program = saga('book', {
    input: Ref,
    key: 'id',
    uses: { desk: use(Desk, { breaker: false }) },
    async run({ id }, { use, step }) {
      await step('book', use.desk.book({ id }), { undo: use.desk.free({ id }) });
      throw new Error('no');
    },
  });
  const desk = service(Desk).implement({
    sagas: [program],
    commands: {
      begin: (input, { start }) => start(program, input),
      book: () => {},
      free: () => {
        throw new Error('cannot be undone');
      },
      later: (input, { send }) => send(Desk.commands.remind, input),
      remind: ({ id }) => void reminded.push(id),
    },
  });
  const lines: string[] = [];
  const runtime = await start(topology({ services: { desk }, profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } } }), {
    logTo: (line) => void lines.push(line),
    alertWebhook: `http://127.0.0.1:${(hole.address() as AddressInfo).port}/hook?to=ops`,
  });
  try {
    const alerts = 36;
    for (let i = 0; i < alerts; i++) await runtime.client(Desk).begin({ id: `s${i}` });
    const { store } = runtime.services.get('desk') ?? {};
    await eventually(async () => {
      const row = await store?.reader.get<{ n: number }>("select count(*) as n from ramet_timers where kind = 'alert' and attempts > 0");
      return Number(row?.n) >= 32;
    });
    const before = Date.now();
    await runtime.client(Desk).later({ id: 'after' });
    await eventually(() => reminded.length > 0);
    expect(Date.now() - before).toBeLessThan(4_000);
    expect(reminded).toEqual(['after']);
    // A call of the webhook ends by its own time limit.
    await eventually(() => lines.some((line) => line.includes('alert-webhook') && line.includes('did not answer in 5000 ms')));
  } finally {
    for (const socket of sockets) socket.destroy();
    await runtime.stop();
    hole.close();
  }
}, 30_000);

test('an alert webhook that is not an address is refused at boot', async () => {
  using folder = temporaryFolder();
  const desk = service(contract('desk', {})).implement({});
  const shop = topology({ services: { desk }, profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } } });
  await expect(start(shop, { logLevel: 'silent', alertWebhook: 'alerts.example.com/hook' })).rejects.toThrow('ALERT_WEBHOOK');
});

test("the runtime's clients of one service share its breaker and its budget for retries", async () => {
  using folder = temporaryFolder();
  const Away = contract('away', { queries: { ask: query({ input: z.object({}), output: z.object({}) }) } });
  let asked = 0;
  const away = service(Away).implement({
    queries: {
      ask: () => {
        asked++;
        throw new RametError('Unavailable', 'away');
      },
    },
  });
  const runtime = await start(topology({ services: { away }, profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } } }), {
    logLevel: 'silent',
  });
  try {
    const codes = new Set<string>();
    for (let i = 0; i < 40; i++)
      await runtime
        .client(Away)
        .ask({})
        .catch((error: RametError) => codes.add(error.code));
    expect(codes).toContain('CircuitOpen');
    expect(asked).toBeLessThan(20);
  } finally {
    await runtime.stop();
  }
});

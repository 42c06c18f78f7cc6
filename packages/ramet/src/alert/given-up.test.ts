import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract } from '../contract/index.ts';
import { eventually, temporaryFolder } from '../runtime/fixtures/start.fixture.ts';
import { type Runtime, start, topology } from '../runtime/index.ts';
import { service } from '../service/index.ts';
import type { Store } from '../store/index.ts';
import { sqlite } from '../store/sqlite/index.ts';

/* Work that crashes the process at each of its starts is given up, and the alert webhook says so. */

const Desk = contract('desk', { commands: { remind: command({ input: z.object({ id: z.string() }) }) } });
const desk = service(Desk).implement({
  commands: { remind: () => {} },
  schedules: (every) => [every('1d', 'sweep', () => {})],
});

const folder = temporaryFolder();
const alerts: Record<string, unknown>[] = [];
const webhook = createServer(async (request: IncomingMessage, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  alerts.push(JSON.parse(Buffer.concat(chunks).toString()));
  response.writeHead(204).end();
});
let runtime: Runtime;

beforeAll(async () => {
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
  runtime = await start(topology({ services: { desk }, profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } } }), {
    logLevel: 'silent',
    alertWebhook: `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/`,
  });
});
afterAll(async () => {
  await runtime?.stop();
  webhook.close();
  folder[Symbol.dispose]();
});

const store = () => runtime.services.get('desk')?.store as Store;
const wake = () => runtime.services.get('desk')?.wake();

test('a sent command that is given up is posted once, with its id and its operation', async () => {
  // As seven crashes leave it: an attempt that began and never ended.
  await store().write((tx) =>
    tx.run(
      "insert into ramet_timers (id, kind, lane, due_at, payload, attempts, crashes, lease_until) values ('snd_1', 'send', 'desk.remind', 1, '{}', 8, 7, 1)",
    ),
  );
  wake();
  const [alert] = await eventually(
    () => alerts.filter(({ kind }) => kind === 'send'),
    ({ length }) => length > 0,
    20_000,
  );
  expect(alert).toMatchObject({
    service: 'desk',
    what: 'desk.remind',
    workId: 'snd_1',
    reason: "send 'desk.remind' of 'desk' was given up: the process ended each time it was started",
  });
  await eventually(async () => (await store().reader.all("select 1 from ramet_timers where kind = 'alert'")).length === 0);
  expect(alerts.filter(({ kind }) => kind === 'send')).toHaveLength(1);
});

test('a schedule that is given up is posted with its name', async () => {
  await eventually(() => store().reader.get('select 1 from ramet_schedules'));
  await store().write((tx) => tx.run('update ramet_schedules set next_at = 1, crashes = 7, lease_until = 1, epoch = epoch + 1'));
  wake();
  const [alert] = await eventually(
    () => alerts.filter(({ kind }) => kind === 'schedule'),
    ({ length }) => length > 0,
    30_000,
  );
  expect(alert).toMatchObject({
    service: 'desk',
    what: 'sweep',
    reason: expect.stringContaining("schedule 'sweep' of 'desk' was given up"),
  });
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../../bus/embedded/index.ts';
import { command, contract } from '../../contract/index.ts';
import { sql } from '../../index.ts';
import { external, use } from '../../rpc/index.ts';
import { eventually, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { start, topology } from '../../runtime/index.ts';
import { saga } from '../../saga/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import { effect, service } from '../index.ts';

const Ref = z.object({ id: z.string(), seat: z.string() });
const Seats = contract('seats', {
  commands: { begin: command({ input: Ref }), take: command({ input: Ref }), giveBack: command({ input: Ref }) },
});

/** What the other systems saw: idempotency keys by path. */
const keys: Record<string, string[]> = {};
const outside = createServer((request, response) => {
  const path = request.url ?? '';
  keys[path] = [...(keys[path] ?? []), String(request.headers['idempotency-key'])];
  request.resume().on('end', () => response.writeHead(201, { 'content-type': 'application/json' }).end('{}'));
});
let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(outside.address() as AddressInfo).port}`;
});
beforeEach(() => {
  for (const path of Object.keys(keys)) delete keys[path];
});
afterAll(() => outside.close());

function seats(fails: boolean) {
  const program = saga('sit', {
    input: Ref,
    key: 'id',
    uses: { seats: use(Seats) },
    async run({ id, seat }, { use, step }) {
      await step(`take ${seat}`, use.seats.take({ id, seat }), { undo: use.seats.giveBack({ id, seat }) });
      if (fails) throw new Error('all is to be undone');
    },
  });
  const take = effect({
    request: Ref,
    outcome: z.object({}),
    intend: (input: z.infer<typeof Ref>) => input,
    async perform({ id, seat }: z.infer<typeof Ref>, { use, key }) {
      await use.hall.fetch('/seats', { method: 'POST', headers: { 'idempotency-key': key }, body: '{}' });
      // A key that the handler made itself, of the same data.
      await use.hall.fetch('/lights', { method: 'POST', headers: { 'Idempotency-Key': `${id} ${seat}` }, body: '{}' });
      return {};
    },
    record: () => {},
  });
  return service(Seats, { store: sql({ migrations: {} }), uses: { hall: external('hall', { url }) } }).implement({
    sagas: [program],
    commands: {
      begin: (input, { start }) => start(program, input),
      take,
      giveBack: () => {
        throw new Error('no');
      },
    },
  });
}

const started = (folder: string, fails = false) =>
  start(topology({ services: { seats: seats(fails) }, profiles: { monolith: { store: sqlite(folder), bus: embedded() } } }), {
    logLevel: 'silent',
    alertWebhook: `${url}/alerts`,
  });

test('a step that is named after user data reaches the other system once, under its own key', async () => {
  using folder = temporaryFolder();
  const runtime = await started(folder.path);
  try {
    const names = ['A1', '東京', '☕', 'two\nlines', 'Größe', 'edge ', `long ${'座'.repeat(100)}`];
    for (const [i, seat] of names.entries()) await runtime.client(Seats).begin({ id: `s${i}`, seat });
    const { store } = runtime.services.get('seats') as { store: { reader: { all<T>(sql: string): Promise<T[]> } } };
    await eventually(
      () => store.reader.all("select 1 from ramet_sagas where state = 'COMPLETED'"),
      (rows) => rows.length === names.length,
    );
    expect(new Set(keys['/seats']).size).toBe(names.length);
    expect(keys['/seats']).toHaveLength(names.length);
    expect(keys['/lights']).toEqual(expect.arrayContaining(['s0 A1', 's1 %E6%9D%B1%E4%BA%AC', 's3 two%0Alines']));
    // The journal has the names as they are, so that a later version of the encoding finds its steps again.
    const steps = await store.reader.all<{ step_key: string }>('select step_key from ramet_saga_steps');
    expect(steps.filter(({ step_key }) => step_key.endsWith(':take 東京'))).toHaveLength(1);
  } finally {
    await runtime.stop();
  }
});

test('the alert of such a step is posted', async () => {
  using folder = temporaryFolder();
  const runtime = await started(folder.path, true);
  try {
    await runtime.client(Seats).begin({ id: 'a', seat: '東\n京' });
    const [id] = await eventually(
      () => keys['/alerts'] ?? [],
      (posted) => posted.length > 0,
      20_000,
    );
    expect(id).toMatch(/^saga_[0-9a-z]+:take %E6%9D%B1%0A%E4%BA%AC:alert/);
  } finally {
    await runtime.stop();
  }
});

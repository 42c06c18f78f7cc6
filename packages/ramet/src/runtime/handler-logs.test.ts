import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, query } from '../contract/index.ts';
import { compose, gateway } from '../gateway/index.ts';
import { use } from '../rpc/index.ts';
import { effect, service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import type { Log } from '../telemetry/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const Empty = z.object({});
const Desk = contract('desk', {
  commands: { write: command({ input: Empty }), act: command({ input: Empty }) },
  queries: { read: query({ input: Empty, output: z.string() }) },
});

test('no handler can write a line that looks like an event of the framework, or like that of another request', async () => {
  using folder = temporaryFolder();
  const lie = (log: Log) => log.info({ event: 'durability_lost', service: 'liar', correlationId: 'c' }, 'lie');
  const desk = service(Desk, { store: sql<{}>({ migrations: {} }) }).implement({
    commands: {
      write: (_, { log }) => lie(log),
      act: effect({
        request: Empty,
        outcome: Empty,
        intend: () => ({}),
        perform: async (_, { log }) => {
          lie(log);
          return {};
        },
        record: () => {},
      }),
    },
    queries: {
      read: (_, { log }) => {
        lie(log);
        return 'read';
      },
    },
  });
  const all = compose('POST /all', {
    access: 'public',
    uses: { desk: use(Desk) },
    async run(_, { log, use: { desk } }) {
      lie(log);
      await desk.write({});
      await desk.act({});
      return desk.read({});
    },
  });
  const web = gateway('web', { routes: [all] });
  const profiles = { all: { store: sqlite(folder.path), bus: embedded() } };
  const written: string[] = [];
  const runtime = await start(topology({ services: { desk }, gateways: { web }, profiles }), {
    ports: { web: 0 },
    logTo: (lines) => written.push(lines),
  });
  try {
    const headers = { 'content-type': 'application/json', 'x-correlation-id': 'mine-42' };
    const answer = await fetch(`http://127.0.0.1:${runtime.ports['web']}/all`, { method: 'POST', headers, body: '{}' });
    expect(await answer.text()).toContain('read');
  } finally {
    await runtime.stop();
  }
  const lines = written.flatMap((chunk) => chunk.trim().split('\n')).map((line) => JSON.parse(line));
  const lies = lines.filter(({ msg }) => msg === 'lie');
  expect(lies.map(({ service }) => service)).toEqual(['ramet', 'desk', 'desk', 'desk']);
  for (const line of lies) {
    expect(line).toMatchObject({ correlationId: 'mine-42', event_: 'durability_lost', service_: 'liar', correlationId_: 'c' });
    expect(line).not.toHaveProperty('event');
  }
});

import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { kafka } from '../bus/kafka/index.ts';
import { postgresBus } from '../bus/postgres/index.ts';
import { command, contract, event, query } from '../contract/index.ts';
import { consul } from '../discovery/consul/index.ts';
import type { BootError } from '../errors/index.ts';
import { compose, expose, gateway } from '../gateway/index.ts';
import { external, use } from '../rpc/index.ts';
import { mux } from '../rpc/mux/index.ts';
import { saga } from '../saga/index.ts';
import { effect, service } from '../service/index.ts';
import { postgres } from '../store/postgres/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const Ref = z.object({ id: z.string() });

test('every number, duration, rate and path that is wrong is named at boot with where it stands, all at once', async () => {
  using folder = temporaryFolder();
  const Own = contract('own', {
    commands: {
      colon: command({ input: Ref, http: 'POST /do/:id' }),
      star: command({ input: Ref, http: 'POST /files/*' }),
      status: command({ input: Ref, http: { route: 'PUT /b/{id}', status: 999 } }),
      act: command({ input: Ref }),
    },
    queries: { find: query({ input: Ref, output: z.string(), http: 'GET /q/{id}' }) },
    events: { Done: event(Ref, { key: 'id' }) },
  });
  const Other = contract('other', { commands: { go: command({ input: Ref }) } });
  const program = saga('trip', {
    input: Ref,
    key: 'id',
    version: 1.5,
    uses: { other: use(Other, { timeout: '7 sec' as '7s', retries: 98 }) },
    async run() {},
  });
  const act = effect({
    request: Ref,
    outcome: z.object({}),
    quiet: 'soon' as '1s',
    intend: (input: { id: string }) => input,
    perform: async () => ({}),
    record: () => {},
  });
  const own = service(Own, {
    uses: {
      other: use(Other, {
        timeout: '5 sec' as '5s',
        bulkhead: -1,
        retries: 99,
        breaker: { openFor: '0s', consecutive: Number.NaN, failureRate: 2, window: '5ms' },
      }),
      bank: external('bank', { url: 'https://bank.example', timeout: '99999999d' }),
    },
  }).implement({
    sagas: [program],
    commands: { colon: () => {}, star: () => {}, status: () => {}, act },
    queries: { find: () => '' },
    reactions: (on) => [on(Own.events.Done, () => {}, { attempts: 0, poison: 'nope' as 'skip' })],
    schedules: (every, cron) => [
      every('999ms', 'too fast', () => {}),
      every('99999999d', 'never', () => {}),
      cron('0 25 * * *', 'no hour', () => {}),
    ],
  });
  const other = service(Other).implement({ commands: { go: () => {} } });
  const web = gateway('web', {
    limit: { rate: '0/1m', by: 'moon' as 'client' },
    authenticate: { issuer: 'i', audience: 'a', keys: 'https://idp.example/keys', leeway: '1h' },
    routes: [
      expose(Own, {
        operations: { find: { access: 'public', limit: { rate: '5/99999999d', by: 'input.nothing', storeFailure: 'x' as 'failOpen' } } },
      }),
      compose('GET /y/:id', { access: 'public', status: 42, run: () => 1 }),
    ],
  });
  const failed = await start(
    topology({ services: { own, other }, gateways: { web }, profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } } }),
    {
      logLevel: 'silent',
      ports: { web: 70_000 },
      rpcPort: -1,
      drainDelayMs: Number.NaN,
      admin: { port: 1.5, tokenFile: 'token' },
    },
  ).catch((error: BootError) => error.problems);
  const problems = failed as string[];
  for (const [where, what] of [
    ["the port of gateway 'web'", '70000'],
    ['rpcPort', '-1'],
    ['drainDelayMs', 'NaN'],
    ['admin.port', '1.5'],
    ["contract 'own', command 'colon'", "':id'"],
    ["contract 'own', command 'star'", "'*'"],
    ["contract 'own', command 'status'", '999'],
    ["service 'own', subscription 'own'", "poison: 'nope'"],
    ["service 'own', subscription 'own'", 'attempts: 0'],
    ["service 'own', schedule 'too fast'", "'999ms'"],
    ["service 'own', schedule 'never'", "'99999999d'"],
    ["service 'own', schedule 'no hour'", '25'],
    ["service 'own', saga 'trip'", 'version: 1.5'],
    ["service 'own', saga 'trip', uses 'other'", "timeout: '7 sec'"],
    ["service 'own', saga 'trip', uses 'other'", 'retries: 98'],
    ["service 'own', effect 'act'", "quiet: 'soon'"],
    ["service 'own', uses 'other'", "timeout: '5 sec'"],
    ["service 'own', uses 'other'", 'bulkhead: -1'],
    ["service 'own', uses 'other'", 'retries: 99'],
    ["service 'own', uses 'other'", "breaker.openFor: '0s'"],
    ["service 'own', uses 'other'", 'breaker.consecutive: NaN'],
    ["service 'own', uses 'other'", 'breaker.failureRate: 2'],
    ["service 'own', uses 'other'", "breaker.window: '5ms'"],
    ["service 'own', uses 'bank'", "timeout: '99999999d'"],
    ["gateway 'web', limit", "'0/1m'"],
    ["gateway 'web', limit", "by: 'moon'"],
    ["gateway 'web'", "'1h' is longer than '5m'"],
    ["gateway 'web', route 'GET /q/{id}', limit", "'99999999d'"],
    ["gateway 'web', route 'GET /q/{id}', limit", "does not have the field 'nothing'; its fields are 'id'"],
    ["gateway 'web', route 'GET /q/{id}', limit", "storeFailure: 'x'"],
    ["gateway 'web'", "':id' in '/y/:id'"],
    ["gateway 'web'", 'status: 42'],
  ] as const)
    expect(
      problems.filter((problem) => problem.startsWith(where) && problem.includes(what)),
      `${where} … ${what}\n${problems.join('\n')}`,
    ).toHaveLength(1);
});

test('an adapter refuses its options where it is made, all at once, and a profile that makes it is named', async () => {
  expect(() => embedded({ keep: '1 day' as '1d' })).toThrow("embedded: keep: '1 day'");
  expect(() => postgresBus('postgres://x', { keep: '0ms', lease: '2h' })).toThrow(/keep: '0ms'.*lease: '2h'/);
  expect(() => kafka({ brokers: ['nowhere'], partitions: 0, replicas: 1.5, session: '1ms' })).toThrow(
    /'nowhere'.*partitions: 0.*replicas: 1.5.*session: '1ms'/,
  );
  expect(() => consul('http://127.0.0.1:8500', { keep: '99999999d' })).toThrow("keep: '99999999d'");
  expect(() =>
    postgres('postgres://x', { partitions: 1_000, connections: 0, readers: -1, waitMs: Number.NaN, statementTimeoutMs: 0.5 }),
  ).toThrow(/partitions: 1000.*connections: 0.*readers: -1.*waitMs: NaN.*statementTimeoutMs: 0.5/);
  expect(() => mux({ pingAfterMs: -1, limits: { payloadBytes: Number.POSITIVE_INFINITY } })).toThrow(
    /pingAfterMs: -1.*limits.payloadBytes: Infinity/,
  );
  using folder = temporaryFolder();
  const made = topology({
    services: {},
    profiles: { monolith: () => ({ store: sqlite(folder.path), bus: embedded({ keep: 'long' as '1d' }) }) },
  });
  await expect(start(made, { logLevel: 'silent' })).rejects.toMatchObject({
    problems: [expect.stringContaining("profile 'monolith': embedded: keep: 'long'")],
  });
});

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../../bus/embedded/index.ts';
import { contract, event } from '../../contract/index.ts';
import { type Platform, realPlatform } from '../../platform/index.ts';
import { eventually, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { type Runtime, type StartOptions, start, topology } from '../../runtime/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import { type ServiceDefinition, service, sql } from '../index.ts';

const Reports = contract('reports', { events: { Written: event(z.object({ day: z.string(), by: z.string() }), { key: 'day' }) } });
const Readers = contract('readers', {});
interface Tables {
  pages: { day: string };
}

/** A clock that a test sets forward. */
function settable(): { platform: Platform; ahead(ms: number): void } {
  const real = realPlatform();
  let aheadMs = 0;
  return {
    platform: { ...real, clock: { wallNow: () => real.clock.wallNow() + aheadMs, monoNow: () => real.clock.monoNow() } },
    ahead(ms) {
      aheadMs += ms;
    },
  };
}

const running: Runtime[] = [];
afterEach(async () => {
  for (const runtime of running.splice(0)) await runtime.stop();
});
async function open(folder: string, services: Record<string, ServiceDefinition>, options: StartOptions = {}): Promise<Runtime> {
  const runtime = await start(
    topology({
      services: Object.fromEntries(Object.entries(services).map(([name, definition]) => [name, async () => ({ default: definition })])),
      profiles: { monolith: { store: sqlite(folder), bus: embedded() } },
    }),
    { logTo: () => {}, ...options },
  );
  running.push(runtime);
  return runtime;
}

test('a run is one transaction: rows, events and the next occurrence commit together, once, over restarts', async () => {
  using folder = temporaryFolder();
  const { platform, ahead } = settable();
  const seen: unknown[] = [];
  let failures = 0;
  const reports = service(Reports, {
    store: sql<Tables>({ migrations: { '0001_pages': 'create table pages (day text primary key)' } }),
  }).implement({
    schedules: (_, cron) => [
      cron(
        '0 3 * * *',
        'daily report',
        async ({ db, emit, schedule, caller }) => {
          const day = schedule.due.toISOString().slice(0, 10);
          await db.insertInto('pages').values({ day }).execute();
          emit.Written({ day, by: caller.subject });
          if (failures++ === 0) throw new Error('no paper');
        },
        { timezone: 'Europe/Berlin' },
      ),
    ],
  });
  const readers = service(Readers, { store: sql<{}>({ migrations: {} }) }).implement({
    reactions: (on) => [on(Reports.events.Written, (data, { event: { correlationId } }) => void seen.push({ ...data, correlationId }))],
  });
  const options = { platform, admin: { port: 0, tokenFile: join(folder.path, 'admin.token') } };
  const schedules = async (runtime: Runtime) => {
    const headers = { authorization: `Bearer ${readFileSync(join(folder.path, 'admin.token'), 'utf8').trim()}` };
    return ((await (await fetch(`http://127.0.0.1:${runtime.adminPort}/schedules`, { headers })).json()) as { items: any[] }).items;
  };
  const first = await open(folder.path, { reports, readers }, options);
  const [due] = await eventually(
    () => schedules(first),
    (items) => items.length === 1,
  );
  expect(due).toMatchObject({ service: 'reports', name: 'daily report', timing: 'cron 0 3 * * * Europe/Berlin', attempts: 0 });
  expect(new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', timeStyle: 'short' }).format(new Date(due.dueAt))).toBe('03:00');
  await first.stop();
  running.length = 0;

  // Three nights pass while no process runs.
  ahead(3 * 86_400_000 + 60_000);
  const second = await open(folder.path, { reports, readers }, options);
  await eventually(() => failures === 1);
  await eventually(async () => (await schedules(second))[0].lastError === 'Error: no paper');
  expect(seen).toEqual([]);
  ahead(10_000);
  await eventually(() => seen.length === 1, Boolean, 15_000);
  const day = due.dueAt.slice(0, 10);
  expect(seen).toEqual([{ day, by: 'reports', correlationId: expect.any(String) }]);
  const [after] = await schedules(second);
  expect(Date.parse(after.dueAt)).toBeGreaterThan(platform.clock.wallNow());
  expect(after).toMatchObject({ lastDueAt: due.dueAt, attempts: 0 });
  expect(await second.services.get('reports')?.store.reader.all('select day from pages')).toMatchObject([{ day }]);
}, 30_000);

test('impossible schedules are refused at boot, all at once', async () => {
  using folder = temporaryFolder();
  const reports = service(Reports, { store: sql<{}>({ migrations: {} }) }).implement({
    schedules: (every, cron) => [
      every('10ms', 'too often', () => {}),
      cron('0 3 * *', 'no pattern', () => {}),
      cron('0 3 * * *', 'nowhere', () => {}, { timezone: 'Mars/Olympus' }),
      every('1m', 'twice', () => {}),
      every('1m', 'twice', () => {}),
      every('1m', 'Shout!', () => {}),
    ],
  });
  const failed = (await open(folder.path, { reports }).catch((error) => error)) as { problems: string[] };
  const at = (name: string) => `service 'reports', schedule '${name}': `;
  expect(failed.problems).toEqual([
    `${at('too often')}'10ms' is shorter than a second`,
    expect.stringContaining(`${at('no pattern')}'0 3 * *' is not a cron pattern`),
    expect.stringContaining(`${at('nowhere')}'Mars/Olympus' is not a time zone`),
    `${at('twice')}two schedules have this name; rename one`,
    `${at('Shout!')}name it with lower-case letters, digits, spaces and hyphens`,
  ]);
});

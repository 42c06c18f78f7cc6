import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient } from 'redis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { kafka } from '../bus/kafka/index.ts';
import { command, contract, event } from '../contract/index.ts';
import { consul } from '../discovery/consul/index.ts';
import { compose, gateway } from '../gateway/index.ts';
import { redis } from '../gateway/limits/redis/index.ts';
import { ownEngine, sharedEngine } from '../platform/engine.fixture.ts';
import { type UnreliableWay, unreliableWay } from '../platform/unreliable-way.fixture.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { startSeveral } from './fixtures/several.fixture.ts';
import { eventually, temporaryFolder } from './fixtures/start.fixture.ts';
import type { Runtime } from './options.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const FORMS = ['closed', 'reset', 'refused', 'silent'] as const;
/** Longer than a client retries on its own. */
const AWAY_MS = 1_200;
/** Within which a process is up, and does its work, however its engine failed. */
const UP_MS = 25_000;
const CUTS = 12;

const Things = contract('things', {
  commands: { add: command({ input: z.object({ id: z.string() }) }) },
  events: { Added: event(z.object({ id: z.string() }), { key: 'id' }) },
});
const things = service(Things, {
  store: sql<{ heard: { id: string } }>({ migrations: { '0001_heard': 'create table heard (id text not null)' } }),
}).implement({
  commands: { add: ({ id }, { emit }) => emit.Added({ id }) },
  reactions: (on) => [on(Things.events.Added, async ({ id }, { db }) => void (await db.insertInto('heard').values({ id }).execute()))],
});
const Other = contract('other', { commands: { act: command({ input: z.object({}) }) } });
const other = service(Other).implement({ commands: { act: () => {} } });
const edge = gateway('edge', {
  limit: { rate: '3/1h', storeFailure: 'failClosed' },
  routes: [compose('GET /open', { access: 'public', run: () => 'hello' })],
});

const unhandled: unknown[] = [];
const note = (error: unknown) => void unhandled.push(error);
beforeAll(() => void process.on('unhandledRejection', note).on('uncaughtExceptionMonitor', note));
afterAll(() => void process.off('unhandledRejection', note).off('uncaughtExceptionMonitor', note));
afterEach(() => expect(unhandled.splice(0)).toEqual([]));

/**
 * Boots again and again, and fails at the first packet, the last one, and those between, in another way each time.
 * @param boot calls `fail` before the boot and `booted` after it; what it does then, it does with the engine
 * @throws Error that says where it failed, if `boot` does not work
 */
async function atEachCut<Form extends string>(
  way: UnreliableWay<Form>,
  forms: readonly Form[],
  boot: (fail: () => void, booted: () => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const before = way.packets;
  let packets = 0;
  await boot(
    () => {},
    async () => {
      packets = way.packets - before;
    },
  );
  const booted = () => {
    way.spare();
    return eventually(() => !way.failing);
  };
  let failed = 0;
  for (let cut = 0; cut < CUTS; cut++) {
    const round = Math.floor(cut / Math.min(packets, CUTS));
    const at = packets > CUTS ? Math.round((cut * (packets - 1)) / (CUTS - 1)) : cut % packets;
    const form = forms[(cut + round) % forms.length] as Form;
    await boot(() => way.fail(form, at, AWAY_MS), booted).catch((error: unknown) => {
      throw new Error(`it did not work after '${form}' at packet ${at} of ${packets}`, { cause: error });
    });
    if (way.failed) failed++;
  }
  expect(failed).toBeGreaterThan(CUTS * 0.7);
}

test('a process whose broker goes away at any packet of its boot starts, and delivers once what was published before and after', async () => {
  const engine = await ownEngine('kafka');
  const way = await unreliableWay(`kafka://${engine.url}`);
  try {
    // A broker names its own address to its clients: it is to name the beginning of the way to it.
    await writeFile(join(engine.folder, 'advertised'), new URL(way.url).host);
    await engine.restart();
    await atEachCut(way, FORMS, async (fail, booted) => {
      using folder = temporaryFolder();
      const bus = kafka({
        brokers: [new URL(way.url).host],
        prefix: `b${randomBytes(4).toString('hex')}.`,
        partitions: 1,
        session: '1500ms',
      });
      fail();
      const runtime = await start(
        topology({ services: { things }, profiles: { monolith: { store: sqlite(folder.path, { exclusive: false }), bus } } }),
        { logTo: () => {}, bootWait: '20s', onFatal: note },
      );
      const heard = () => runtime.services.get('things')?.store.reader.all('select id from heard order by id');
      const heardAll = (ids: readonly string[]) => eventually(heard, (rows) => (rows?.length ?? 0) >= ids.length, UP_MS);
      try {
        await runtime.client(Things).add({ id: 'before' }, { key: 'before' });
        await heardAll(['before']);
        await booted();
        await runtime.client(Things).add({ id: 'after' }, { key: 'after' });
        expect(await heardAll(['after', 'before'])).toEqual([{ id: 'after' }, { id: 'before' }]);
      } finally {
        await runtime.stop();
      }
    });
  } finally {
    await way.close();
    await engine.wipe();
  }
}, 120_000);

test('processes whose registry goes away at any request of their boots start, are registered and find each other, and leave nothing', async () => {
  const url = sharedEngine('consul');
  const way = await unreliableWay(url, {
    leaderless: 'HTTP/1.1 500 Internal Server Error\r\nconnection: close\r\ncontent-length: 17\r\n\r\nNo cluster leader',
  });
  const instances = async (name: string): Promise<{ Service: { Port: number } }[]> =>
    (await fetch(`${url}/v1/health/service/${name}?passing=true`)).json() as never;
  try {
    await atEachCut(way, ['leaderless', ...FORMS], async (fail, booted) => {
      using folder = temporaryFolder();
      const prefix = `b${randomBytes(4).toString('hex')}-`;
      const discovery = consul(new URL(way.url).origin, { allow: ['loopback'], prefix });
      fail();
      const parts = { services: { things, other }, gateways: { edge } };
      const several = await startSeveral(folder.path, parts, () => ({ bootWait: '20s', onFatal: note }), { discovery });
      try {
        const operators = several.runtimes.get('edge') as Runtime;
        const acted = () =>
          operators
            .client(Other)
            .act({}, { key: 'act' })
            .then(
              () => true,
              () => false,
            );
        for (const name of ['things', 'other'] as const) {
          const port = several.runtimes.get(name)?.rpcPort;
          await eventually(
            () => instances(prefix + name),
            (found) => found.some(({ Service }) => Service.Port === port),
          );
        }
        await eventually(acted, Boolean, UP_MS);
        await booted();
      } finally {
        await several[Symbol.asyncDispose]();
      }
      // The agent notifies its servers a moment later.
      for (const name of ['things', 'other'])
        await eventually(
          () => instances(prefix + name),
          (left) => left.length === 0,
        );
    });
  } finally {
    await way.close();
  }
}, 120_000);

test('a process whose store of limits goes away at any packet of its boot starts without it, and its limits count there when it is back', async () => {
  const url = sharedEngine('redis');
  const admin = await createClient({ url }).connect();
  const way = await unreliableWay(url, { loading: '-LOADING Redis is loading the dataset in memory\r\n' });
  try {
    await atEachCut(way, ['loading', ...FORMS], async (fail, booted) => {
      using folder = temporaryFolder();
      const prefix = `test:b${randomBytes(4).toString('hex')}:`;
      fail();
      const runtime = await start(
        topology({
          services: { other },
          gateways: { edge },
          profiles: { monolith: { store: sqlite(folder.path), bus: embedded(), limits: redis(way.url, { prefix }) } },
        }),
        { logTo: () => {}, ports: { edge: 0 }, bootWait: '20s', onFatal: note },
      );
      try {
        const statuses: number[] = [];
        const get = async () => {
          const { status } = await fetch(`http://127.0.0.1:${runtime.ports['edge']}/open`);
          statuses.push(status);
          return status;
        };
        await eventually(get, (status) => status === 429, UP_MS);
        // One that was counted while the answer was lost was refused, and is not given back.
        const allowed = statuses.filter((status) => status === 200).length;
        expect(allowed).toBeGreaterThan(0);
        expect(allowed).toBeLessThanOrEqual(3);
        expect(new Set(statuses)).toEqual(new Set(statuses.includes(503) ? [503, 200, 429] : [200, 429]));
        expect(await admin.keys(`${prefix}*`)).toHaveLength(1);
        await booted();
      } finally {
        await runtime.stop();
        for (const key of await admin.keys(`${prefix}*`)) await admin.del(key);
      }
    });
  } finally {
    await way.close();
    admin.destroy();
  }
}, 120_000);

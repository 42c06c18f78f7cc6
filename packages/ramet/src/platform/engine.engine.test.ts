import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { Client } from 'pg';
import { createClient } from 'redis';
import { afterEach, expect, test } from 'vitest';
import { type Engine, type OwnEngine, ownEngine } from './engine.fixture.ts';

const own: OwnEngine[] = [];
async function open(name: Engine): Promise<OwnEngine> {
  const engine = await ownEngine(name);
  own.push(engine);
  return engine;
}
afterEach(async () => {
  for (const engine of own.splice(0)) await engine.wipe();
});

/** Writes something that has to be there after a crash, and looks for it. */
const KEPT: Readonly<Record<Engine, { write(url: string): Promise<unknown>; read(url: string): Promise<unknown> }>> = {
  postgres: {
    write: (url) => onPostgres(url, 'create table kept as select 7 as n'),
    read: async (url) => (await onPostgres(url, 'select n from kept')).rows[0].n,
  },
  redis: {
    write: (url) => onRedis(url, (redis) => redis.set('kept', '7')),
    read: async (url) => Number(await onRedis(url, (redis) => redis.get('kept'))),
  },
  kafka: {
    write: (broker) => onKafka(broker, (admin) => admin.createTopics({ topics: ['kept-7'], partitions: 1, replicas: 1 })),
    read: async (broker) =>
      Number((await onKafka(broker, (admin) => admin.listTopics())).find((name) => name.startsWith('kept-'))?.slice(5)),
  },
  consul: {
    write: (url) => fetch(`${url}/v1/kv/kept`, { method: 'PUT', body: '7' }),
    read: async (url) => Number(await (await fetch(`${url}/v1/kv/kept?raw`)).text()),
  },
};

test.each(['postgres', 'redis', 'kafka', 'consul'] as const)(
  '%s keeps its address and its data over a crash and a stop, and leaves nothing when it is wiped',
  async (name) => {
    const engine = await open(name);
    const pid = await readFile(join(engine.folder, 'pid'), 'utf8');
    await engine.start();
    // It ran already, and was left alone.
    expect(await readFile(join(engine.folder, 'pid'), 'utf8')).toBe(pid);
    await KEPT[name].write(engine.url);

    await engine.restart('immediate');
    expect(await readFile(join(engine.folder, 'pid'), 'utf8')).not.toBe(pid);
    expect(await KEPT[name].read(engine.url)).toBe(7);
    await engine.stop();
    await expect.poll(() => answers(engine.url), { timeout: 10_000 }).toBe(false);
    await engine.start();
    expect(await KEPT[name].read(engine.url)).toBe(7);

    await engine.wipe();
    expect(existsSync(engine.folder)).toBe(false);
    await expect.poll(() => answers(engine.url), { timeout: 10_000 }).toBe(false);
  },
);

test('PostgreSQL requires the password of its URL', async () => {
  const url = new URL((await open('postgres')).url);
  expect(url.password.length).toBeGreaterThan(20);
  url.password = 'another';
  await expect(onPostgres(url.href, 'select 1')).rejects.toThrow('password authentication failed');
});

test('a process that now has the process id of an ended engine is not touched', async () => {
  const engine = await open('redis');
  await engine.stop();
  const stranger = spawn('sleep', ['60']);
  try {
    await writeFile(join(engine.folder, 'pid'), `${stranger.pid} 12345\n`);
    await engine.wipe();
    expect(stranger.exitCode).toBeNull();
    expect(stranger.signalCode).toBeNull();
  } finally {
    stranger.kill();
  }
});

async function onPostgres(url: string, sql: string): Promise<any> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client.query(sql).finally(() => client.end());
}

async function onRedis<T>(url: string, work: (redis: any) => Promise<T>): Promise<T> {
  const redis = await createClient({ url }).connect();
  return work(redis).finally(() => redis.destroy());
}

async function onKafka<T>(broker: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin({ clientId: 'test', bootstrapBrokers: [broker] });
  return work(admin).finally(() => admin.close());
}

function answers(address: string): Promise<boolean> {
  const { hostname, port } = new URL(address.includes('://') ? address : `tcp://${address}`);
  return new Promise((resolve) => {
    const socket = createConnection({ host: hostname, port: Number(port) });
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

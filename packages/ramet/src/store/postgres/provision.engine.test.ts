import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { expect, test } from 'vitest';
import { sharedEngine } from '../../platform/engine.fixture.ts';
import { postgres, provision } from './index.ts';
import { wayToPostgres } from './outage.fixture.ts';
import { newPlace } from './place.fixture.ts';

const SERVICES = ['things', 'payments'];

async function as<R extends object>(url: string | undefined, statement: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url as string });
  await client.connect();
  try {
    return (await client.query<R>(statement)).rows;
  } finally {
    await client.end();
  }
}

test('the server refuses a service the tables, the schemas and the names of others', async () => {
  await using place = await newPlace(undefined, SERVICES);
  const store = await place.open();
  await store.write((tx) => tx.run("insert into things (id) values ('secret')"));
  const { things, payments } = place.urls;
  const foreign = `${place.prefix}things`;
  const refused = { code: '42501' };
  await expect(as(payments, `select * from ${foreign}.things`)).rejects.toMatchObject(refused);
  await expect(as(payments, `insert into ${foreign}.things (id) values ('a')`)).rejects.toMatchObject(refused);
  await expect(as(payments, `create table ${foreign}.mine (id integer)`)).rejects.toMatchObject(refused);
  await expect(as(payments, `set role ${foreign}`)).rejects.toMatchObject(refused);
  await expect(as(payments, 'create table public.mine (id integer)')).rejects.toMatchObject(refused);
  await expect(as(payments, 'create schema mine')).rejects.toMatchObject(refused);
  expect(await as(things, 'select id from things')).toEqual([{ id: 'secret' }]);
  expect(await as(payments, 'select current_schema() as name')).toEqual([{ name: `${place.prefix}payments` }]);
  expect(place.warnings).toEqual([]);
});

test('a role has a password, which is in no statement', async () => {
  await using place = await newPlace();
  const url = new URL(place.urls['things'] as string);
  expect(url.password.length).toBeGreaterThan(20);
  const [row] = await place.admin<{ rolpassword: string }>('select rolpassword from pg_authid where rolname = $1', `${place.prefix}things`);
  expect(row?.rolpassword).toMatch(/^SCRAM-SHA-256\$4096:/);
});

test('ten provisionings at once do it once, and a given password stays', async () => {
  await using place = await newPlace(undefined, SERVICES);
  const options = { services: SERVICES, prefix: place.prefix, password: (name: string) => `secret of ${name}` };
  const all = await Promise.all(Array.from({ length: 10 }, () => provision(sharedEngine('postgres'), options)));
  for (const { urls } of all) expect(urls).toEqual(all[0]?.urls);
  expect(decodeURIComponent(new URL(all[0]?.urls['things'] as string).password)).toBe('secret of things');
  const store = await postgres((service) => all[0]?.urls[service] as string).open('payments', place.environment);
  await store.close();
});

test('invalid names are refused before anything happens', async () => {
  await expect(provision(sharedEngine('postgres'), { services: ['good', 'Bad"name'] })).rejects.toThrow(/'Bad"name'/);
});

test('a store that cannot be opened says where it is and what to do, and not the password', async () => {
  await using place = await newPlace();
  const wrong = new URL(place.urls['things'] as string);
  wrong.port = '1';
  const open = (url: string) => postgres(url).open('things', place.environment);
  const error = await open(wrong.href).catch((thrown: Error) => thrown);
  expect(error).toMatchObject({
    code: 'StoreUnavailable',
    message: expect.stringMatching(/'things' at 127\.0\.0\.1:1\/.*start the server/),
  });
  expect(JSON.stringify(error) + String(error)).not.toContain(wrong.password);
  const elsewhere = new URL(place.urls['things'] as string);
  elsewhere.searchParams.set('schema', 'somebody_elses');
  await expect(open(elsewhere.href)).rejects.toMatchObject({ code: 'StoreUnusable', message: expect.stringContaining('provision') });
});

test('a server and a role that promise less cause a warning', async () => {
  await using place = await newPlace();
  await place.admin(`alter role ${place.prefix}things superuser`);
  await (await place.open()).close();
  expect(place.warnings).toEqual([expect.objectContaining({ service: 'things', detail: expect.stringContaining('superuser') })]);
});

test('a store keeps the partitions with which it was created', async () => {
  await using place = await newPlace();
  expect((await place.open({ partitions: 4 })).capabilities.partitions).toBe(4);
  expect((await place.open({ partitions: 8 })).capabilities.partitions).toBe(4);
  expect(place.warnings).toEqual([expect.objectContaining({ partitions: 4, asked: 8 })]);
  expect(() => postgres('', { partitions: 0 })).toThrow(RangeError);
});

test('provisioning waits for a server that fails at any of the statements, and the passwords are correct at the end', async () => {
  const way = await wayToPostgres(sharedEngine('postgres'));
  const prefix = `w${randomBytes(4).toString('hex')}_`;
  try {
    const began = way.packets;
    await provision(way.url, { services: ['things'], prefix });
    const packets = way.packets - began;
    for (let at = 0; at < packets; at++) {
      way.fail((['closed', '57P01', 'refused'] as const)[at % 3] ?? 'reset', at, 100);
      const { urls } = await provision(way.url, { services: ['things'], prefix });
      expect(way.failed).toBe(true);
      const client = new pg.Client({
        connectionString: urls['things']?.replace(new URL(way.url).host, new URL(sharedEngine('postgres')).host),
      });
      await client.connect();
      await client.end();
    }
  } finally {
    await way.close();
    const client = new pg.Client(sharedEngine('postgres'));
    await client.connect();
    for (const name of ['things', 'bus']) await client.query(`drop owned by ${prefix}${name} cascade; drop role ${prefix}${name}`);
    await client.end();
  }
});

test('provisioning does not wait longer than its limit, and reports what it waits for', async () => {
  const reports: string[] = [];
  const beganMono = performance.now();
  const unreachable = provision('postgres://x@127.0.0.1:1/x', {
    services: ['things'],
    wait: '2500ms',
    onWait: (message) => reports.push(message),
  });
  await expect(unreachable).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(performance.now() - beganMono).toBeLessThan(6_000);
  expect(reports).toEqual([
    expect.stringMatching(/^provision\(\) waits for PostgreSQL, for 2500ms at most: .*ECONNREFUSED.*: start the server/),
  ]);
});

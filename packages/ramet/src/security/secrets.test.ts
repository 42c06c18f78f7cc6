import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { format, inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import { createLog } from '../telemetry/index.ts';
import { environment, files, firstOf, Secret, type SecretSource } from './index.ts';

const VALUE = 'hunter2-and-some-more';

const folders: string[] = [];
const folder = (): string => {
  const made = mkdtempSync(join(tmpdir(), 'ramet-secrets-'));
  folders.push(made);
  return made;
};
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

const inMemory = (values: Record<string, string>): SecretSource => ({
  find: (name) => values[name],
  place: (name) => `the test's ${name}`,
});

describe('a secret', () => {
  const secret = new Secret('orders-database', () => VALUE);

  test('returns its value when it is revealed', () => {
    expect(secret.reveal()).toBe(VALUE);
    expect(secret.name).toBe('orders-database');
  });

  test('shows nothing when it is printed, serialised, copied or traversed', () => {
    const seen = [
      String(secret),
      `${secret}`,
      'as '.concat(secret as never),
      JSON.stringify({ secret, list: [secret] }),
      inspect(secret, { showHidden: true, depth: 9, showProxy: true }),
      inspect({ deep: { secret } }, { depth: 9 }),
      format('%s %o %O %j', secret, secret, secret, { secret }),
      JSON.stringify(Object.assign({}, secret)),
      JSON.stringify({ ...secret }),
      JSON.stringify(Object.getOwnPropertyNames(secret).map((key) => secret[key as keyof Secret])),
      inspect(structuredClone({ ...secret })),
      String(new Error(`no way to ${secret}`).stack),
    ];
    for (const text of seen) expect(text).not.toContain('hunter2');
    expect(seen.slice(0, 2)).toEqual(['[secret]', '[secret]']);
    expect(seen[3]).toBe('{"secret":"[secret]","list":["[secret]"]}');
  });

  test('leaves no trace in a real log, whatever it is logged as', () => {
    const lines: string[] = [];
    const log = createLog({
      platform: realPlatform(),
      service: 'shop',
      version: '1',
      env: 'test',
      destination: (line) => void lines.push(line),
    });
    log.info({ database: secret, nested: { list: [secret] } }, `connects with ${secret}`);
    log.child({ database: secret }).warn(secret as never, 'as the fields themselves');
    log.error({ err: Object.assign(new Error(`refused ${secret}`), { secret, issues: [{ path: 'x', message: secret }] }) }, 'failed');
    log.error(new Error('outer', { cause: secret }));
    expect(lines).toHaveLength(4);
    for (const line of lines) expect(line).not.toContain('hunter2');
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      database: '[secret]',
      nested: { list: ['[secret]'] },
      msg: 'connects with [secret]',
    });
  });
});

describe('secrets', () => {
  test('are the first that is found, in the order of the places', () => {
    const secrets = firstOf(inMemory({ a: 'one', empty: '' }), inMemory({ a: 'two', b: 'three', empty: 'four' }));
    expect([secrets.get('a').reveal(), secrets.get('b').reveal(), secrets.get('empty').reveal()]).toEqual(['one', 'three', 'four']);
    expect(secrets.get('a')).toBe(secrets.get('a'));
  });

  test('that are missing are reported together, by name and place and never by value', () => {
    const secrets = firstOf(files('/nowhere/'), environment({ prefix: 'SHOP_', variables: { SHOP_PAYMENTS_KEY: VALUE, SHOP_EMPTY: '' } }));
    expect(secrets.problems(['payments-key', 'orders-database', 'empty', 'orders-database'])).toEqual([
      "the secret 'orders-database' is missing or empty: looked for the file /nowhere/orders-database and the environment variable SHOP_ORDERS_DATABASE",
      "the secret 'empty' is missing or empty: looked for the file /nowhere/empty and the environment variable SHOP_EMPTY",
    ]);
    expect(() => secrets.get('orders-database').reveal()).toThrow(expect.objectContaining({ code: 'SecretMissing' }));
  });

  test('are looked up by their names only', () => {
    const secrets = firstOf(inMemory({}));
    for (const name of ['', '../users.key', 'a/b', 'A', 'a_b', '-a', 'a-', 'a..b', '.a', 'a b', 'a\u0000', 'ä', '1a', 'a'.repeat(101)])
      expect(() => secrets.get(name), name).toThrow(/is not the name of a secret: write small letters/);
    for (const name of ['a', 'orders-database', 'tls.key', 'key-2', 'a'.repeat(100)]) expect(secrets.get(name).name).toBe(name);
    expect(() => firstOf()).toThrow("name one, as in 'firstOf(environment())'");
  });

  test('that cannot be read say so without what their place has said', () => {
    const failing = (error: unknown): SecretSource => ({
      find() {
        throw error;
      },
      place: () => 'a vault',
    });
    const said = (error: unknown) => firstOf(failing(error)).problems(['key'])[0];
    expect(said(new Error(`no policy for ${VALUE}`))).toBe("the secret 'key' cannot be read from a vault: it failed");
    expect(said(Object.assign(new Error(VALUE), { code: 'EACCES' }))).toBe("the secret 'key' cannot be read from a vault: EACCES");
    expect(said(undefined)).toBe("the secret 'key' cannot be read from a vault: it failed");
  });

  test('are masked, once revealed, in text that quotes them, as they are and as JSON writes them', () => {
    const pem = '-----BEGIN PRIVATE KEY-----\nMC4CAQAw"BQYD\n-----END PRIVATE KEY-----';
    const secrets = firstOf(
      inMemory({
        url: `postgres://shop:${VALUE}@db/shop`,
        pem,
        short: 'abc',
        unused: 'not revealed yet',
        begin: VALUE,
        longer: `${VALUE}-and-longer`,
      }),
    );
    expect(secrets.mask(`cannot connect to postgres://shop:${VALUE}@db/shop`)).toContain(VALUE);
    for (const name of ['url', 'pem', 'short']) secrets.get(name).reveal();
    expect(secrets.mask(`cannot connect to postgres://shop:${VALUE}@db/shop`)).toBe('cannot connect to [secret]');
    expect(secrets.mask(`${JSON.stringify({ pem })} ${pem}`)).toBe('{"pem":"[secret]"} [secret]');
    for (const name of ['begin', 'longer']) secrets.get(name).reveal();
    expect(secrets.mask(`${VALUE} ${VALUE}-and-longer`)).toBe('[secret] [secret]');
    expect(secrets.mask('abc not revealed yet')).toBe('abc not revealed yet');
  });

  test('do not come out of a real log that is masked, although an error quotes them', () => {
    const secrets = firstOf(inMemory({ 'provider-key': VALUE }));
    const lines: string[] = [];
    const log = createLog({
      platform: realPlatform(),
      service: 'shop',
      version: '1',
      env: 'test',
      destination: (line) => void lines.push(secrets.mask(line)),
    });
    const key = secrets.get('provider-key').reveal();
    log.error({ err: new Error(`the provider refused '${key}'`), url: `https://x/?k=${key}` }, `refused with ${key}`);
    expect(lines.join('')).not.toContain('hunter2');
    expect(JSON.parse(lines[0] as string)).toMatchObject({
      url: 'https://x/?k=[secret]',
      err: { message: "the provider refused '[secret]'" },
    });
  });

  test('that are replaced for ever are not remembered for ever', () => {
    let n = 0;
    const secrets = firstOf({ find: () => `value number ${n}`, place: () => 'here' });
    for (; n < 250; n++) secrets.get('key').reveal();
    expect([secrets.mask('value number 9.'), secrets.mask('value number 249.')]).toEqual(['value number 9.', '[secret].']);
  });
});

describe('the environment', () => {
  test('is read when a secret is revealed, by its name in capitals', () => {
    const variables: Record<string, string> = {};
    const secrets = firstOf(environment({ variables }));
    const secret = secrets.get('orders-database');
    expect(() => secret.reveal()).toThrow('ORDERS_DATABASE');
    variables['ORDERS_DATABASE'] = VALUE;
    expect(secret.reveal()).toBe(VALUE);
    expect(environment().place('tls.key')).toBe('the environment variable TLS_KEY');
    expect(environment().find('path')).toBe(process.env['PATH']);
  });
});

describe('files', () => {
  test('are read when a secret is revealed, without the line break at their end', () => {
    const at = folder();
    writeFileSync(join(at, 'orders-database'), `${VALUE}\n`);
    writeFileSync(join(at, 'windows'), `${VALUE}\r\n`);
    writeFileSync(join(at, 'lines'), 'one\ntwo\n\n');
    const secrets = firstOf(files(`${at}/`));
    expect([secrets.get('orders-database').reveal(), secrets.get('windows').reveal(), secrets.get('lines').reveal()]).toEqual([
      VALUE,
      VALUE,
      'one\ntwo\n',
    ]);
    expect(secrets.problems(['other'])).toEqual([expect.stringContaining(`the file ${at}/other`)]);
  });

  test('are found again when they are replaced as Kubernetes does it: by switching a link', () => {
    const at = folder();
    const version = (name: string, value: string) => {
      mkdirSync(join(at, name));
      writeFileSync(join(at, name, 'key'), value);
      symlinkSync(name, join(at, '..data-new'));
      renameSync(join(at, '..data-new'), join(at, '..data'));
    };
    version('..2026-01', 'the first value');
    symlinkSync('..data/key', join(at, 'key'));
    const secret = firstOf(files(at)).get('key');
    expect(secret.reveal()).toBe('the first value');
    version('..2026-02', 'the second value');
    expect(secret.reveal()).toBe('the second value');
  });

  test('that are folders, or longer than any secret, are problems', () => {
    const at = folder();
    mkdirSync(join(at, 'key'));
    writeFileSync(join(at, 'long'), 'x'.repeat(65 * 1024));
    expect(firstOf(files(at)).problems(['key', 'long'])).toEqual([
      `the secret 'key' cannot be read from the file ${at}/key: EISDIR`,
      `the secret 'long' cannot be read from the file ${at}/long: there are more than 65536 bytes in ${at}/long`,
    ]);
    expect(firstOf(files(join(at, 'long'))).problems(['key'])[0]).toContain('missing or empty');
  });
});

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { RametError } from '../errors/index.ts';
import { realPlatform } from '../platform/index.ts';
import { createBoundedSink, createLog, isLogLevel, type LogLevel, type LogWriter, maskCardNumbers, silentLog } from './index.ts';

const NOON = Date.UTC(2026, 6, 31, 12);
const platform = { ...realPlatform(), clock: { wallNow: () => NOON, monoNow: () => 0 } };
const HERE = fileURLToPath(new URL('.', import.meta.url));

function logTo(options: { level?: LogLevel; destination?: LogWriter; maxBufferBytes?: number } = {}) {
  const text: string[] = [];
  const log = createLog({ platform, service: 'shop', version: '1.2.3', env: 'test', destination: (chunk) => text.push(chunk), ...options });
  const lines = (): any[] =>
    text
      .join('')
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  return { log, lines, text };
}

describe('a line of the log', () => {
  test('is one JSON object with time, level, service, version, environment, fields and message', () => {
    const { log, text } = logTo();
    log.info({ correlationId: 'abc', ms: 3 }, 'Answered');
    expect(text).toEqual([
      '{"level":"info","time":"2026-07-31T12:00:00.000Z","service":"shop","version":"1.2.3","env":"test","correlationId":"abc","ms":3,"msg":"Answered"}\n',
    ]);
  });

  test('is written for its level and those above only', () => {
    const { log, lines } = logTo({ level: 'warn' });
    for (const level of ['trace', 'debug', 'info', 'warn', 'error'] as const) log[level]({}, level);
    expect(lines().map((line) => line.level)).toEqual(['warn', 'error']);
    expect([log.level, log.child({}).level]).toEqual(['warn', 'warn']);
    expect([isLogLevel('debug'), isLogLevel('DEBUG'), isLogLevel('toString')]).toEqual([true, false, false]);
  });

  test('carries the fields of all its parents', () => {
    const { log, lines } = logTo();
    log.child({ correlationId: 'abc' }).child({ operation: 'orders.place' }).info({ ms: 1 });
    expect(lines()).toEqual([expect.objectContaining({ service: 'shop', correlationId: 'abc', operation: 'orders.place', ms: 1 })]);
  });

  test('has no name twice, and the nearest value counts', () => {
    const { log, text, lines } = logTo();
    const child = log.child({ service: 'orders', a: 1 });
    child.info({ a: 2 });
    child.child({ a: 3, version: '2' }).info({ env: 'prod' });
    log.info({ service: 'users' });
    for (const line of text)
      for (const name of ['service', 'a', 'version', 'env']) expect(line.split(`"${name}":`).length).toBeLessThanOrEqual(2);
    expect(lines()).toEqual([
      expect.objectContaining({ service: 'orders', version: '1.2.3', a: 2 }),
      expect.objectContaining({ service: 'orders', version: '2', env: 'prod', a: 3 }),
      expect.objectContaining({ service: 'users' }),
    ]);
  });

  test('keeps fields that are called like its own parts beside them', () => {
    const { log, text, lines } = logTo();
    log.info({ time: 5, level: 'high', msg: 'theirs' }, 'ours');
    log.child({ level: 'low' }).info({}, 'ours');
    expect(text.join('').match(/"(time|level|msg)":/g)).toHaveLength(6);
    expect(lines()).toEqual([
      expect.objectContaining({ level: 'info', time: '2026-07-31T12:00:00.000Z', msg: 'ours', time_: 5, level_: 'high', msg_: 'theirs' }),
      expect.objectContaining({ level: 'info', msg: 'ours', level_: 'low' }),
    ]);
  });

  test('is found by what the framework knows, whatever a handler calls its fields', () => {
    const { log, text, lines } = logTo();
    const theirs = {
      event: 'durability_lost',
      service: 'liar',
      version: '0',
      env: 'none',
      correlationId: 'c',
      level: 'error',
      orderId: 'o',
    };
    const ours = { service: 'orders', version: '1.2.3', env: 'test', correlationId: 'mine', level: 'info', orderId: 'o' };
    const beside = { event_: 'durability_lost', service_: 'liar', version_: '0', env_: 'none', correlationId_: 'c', level_: 'error' };
    const handler = log.child({ service: 'orders' }).forHandler({ correlationId: 'mine' });
    handler.info(theirs);
    handler.child(theirs).info({});
    handler.child({ orderId: 'o' }).child({ a: 1 }).info(theirs);
    for (const line of lines()) {
      expect(line).toMatchObject({ ...ours, ...beside });
      expect(line).not.toHaveProperty('event');
    }
    expect(text.join('').match(/"(service|correlationId)":/g)).toHaveLength(6);
    expect(handler).not.toHaveProperty('event');
  });

  test('shows an error with its code, stack and chain of causes', () => {
    const { log, lines } = logTo();
    const socket = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    log.error({ err: new RametError('Unavailable', 'No way to payments', { cause: new Error('handshake', { cause: socket }) }) }, 'Failed');
    const [line] = lines();
    expect(line.msg).toBe('Failed');
    expect(line.err).toMatchObject({
      type: 'Unavailable',
      code: 'Unavailable',
      message: 'No way to payments',
      cause: { message: 'handshake', cause: { code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' } },
    });
    expect(line.err.stack).toContain('log.test.ts');
  });

  test('takes an error for its fields, errors under any name, several at once and causes in a circle', () => {
    const { log, lines } = logTo();
    const circular = new Error('round');
    circular.cause = circular;
    log.error(circular);
    log.warn({ reason: new AggregateError([new Error('one'), 'two'], 'many') });
    const nest: AggregateError = new AggregateError([], 'nest');
    nest.errors.push(nest, nest, nest);
    log.error({ nest, odd: Object.assign(new Error(), { message: undefined }) });
    const [first, second, third] = lines();
    expect(JSON.stringify(third).length).toBeLessThan(100_000);
    expect(third.odd.message).toBe('undefined');
    expect(first.msg).toBe('round');
    expect(JSON.stringify(first.err).match(/"round"/g)?.length).toBeLessThan(20);
    expect(second.reason).toMatchObject({ message: 'many', errors: [{ message: 'one' }, 'two'] });
  });

  test('comes out of whatever is logged, however odd', () => {
    const { log, lines } = logTo();
    const circle: Record<string, unknown> = { name: 'circle' };
    circle.self = circle;
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`key${i}`, i]));
    const wide = Array.from({ length: 5_000 }, (_, i) => ({ i }));
    log.info({
      circle,
      wide,
      many,
      bytes: new Uint8Array(1e6),
      date: new Date(NOON),
      big: 5n,
      run() {},
      none: undefined,
      nil: null,
      not: Number.NaN,
    });
    log.info({
      get broken() {
        throw new Error('no');
      },
    });
    log.info(JSON.parse('{"__proto__":{"a":1},"toString":2}'));
    const [odd, broken, proto] = lines();
    expect(odd).toMatchObject({ bytes: '[1000000 bytes]', date: '2026-07-31T12:00:00.000Z', big: '5', nil: null, not: null });
    expect(odd.wide.length).toBe(201);
    expect(Object.keys(odd.many).length).toBe(201);
    expect(Object.keys(odd)).not.toContain('run');
    expect(broken.logFailed).toContain('cannot be read');
    expect(proto.toString).toBe(2);
  });
});

describe('secrets', () => {
  test.each([
    'authorization',
    'cookie',
    'set-cookie',
    'password',
    'token',
    'accessToken',
    'card',
    'cardToken',
    'number',
    'Authorization',
    'access_token',
  ])('the value of %s is removed at every depth, and in the fields of a child', (name) => {
    const { log, text } = logTo();
    log.info({ [name]: 's3cret', a: { [name]: 's3cret', b: { [name]: { inner: 's3cret' }, c: [{ [name]: 's3cret' }] } } });
    log.child({ [name]: 's3cret', request: { headers: { [name]: 's3cret' } } }).info({});
    expect(text.join('')).not.toContain('s3cret');
    expect(text.join('')).toContain('[redacted]');
  });

  test('the object that was logged is left as it was', () => {
    const { log } = logTo();
    const fields = { password: 'x', note: '4111111111111111', inner: { token: 'y' } };
    log.info(fields);
    expect(fields).toEqual({ password: 'x', note: '4111111111111111', inner: { token: 'y' } });
  });

  test('a card number is masked in messages, fields, numbers, errors and their causes', () => {
    const { log, text } = logTo();
    log.info(
      { note: 'card 4111111111111111.', deep: { list: ['5555 5555 5555 4444'] }, raw: 378282246310005 },
      'Paid with 4111111111111111',
    );
    log.error({ err: new Error('declined 4111111111111111', { cause: '4111111111111111' }) });
    expect(text.join('')).not.toMatch(/4111111111111111|5555 5555|378282246310005/);
    expect(text[0]).toContain('"msg":"Paid with ****1111"');
    expect(text[0]).toContain('"raw":"****0005"');
  });

  test.each([
    ['4111111111111111', '****1111'],
    ['a 4222222222222 b', 'a ****2222 b'],
    ['6304000000000000000', '****0000'],
    ['3782-822463-10005', '****0005'],
    ['4111-1111-1111-1111', '****1111'],
    ['4111111111111112', '4111111111111112'],
    ['411111111111', '411111111111'],
    ['41111111111111114111111111111111', '41111111111111114111111111111111'],
    ['00000000-1111-4111-8111-111111111111', '00000000-1111-4111-8111-111111111111'],
    ['2026-07-31T12:00:00.000Z', '2026-07-31T12:00:00.000Z'],
  ])('of %s remains %s', (text, masked) => {
    expect(maskCardNumbers(text)).toBe(masked);
  });

  test('times as numbers are not taken for card numbers', () => {
    const { log, lines } = logTo();
    const times = Array.from({ length: 50 }, (_, i) => NOON + i);
    log.info({ times, micros: NOON * 1_000 + 7 });
    expect(lines()[0].times).toEqual(times);
    expect(lines()[0].micros).toBe(NOON * 1_000 + 7);
  });
});

describe('the way out', () => {
  test('a full disk costs lines and nothing else, and the log says so when it is over', async () => {
    let full = true;
    const written: string[] = [];
    const { log } = logTo({
      destination(chunk) {
        if (full) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
        written.push(chunk);
      },
    });
    for (let i = 0; i < 3; i++) log.info({ i }, 'lost');
    expect(log.dropped).toBe(3);
    full = false;
    log.info({}, 'kept');
    log.info({}, 'kept too');
    const lines = written
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toEqual([
      expect.objectContaining({ level: 'warn', service: 'shop', event: 'log_lines_lost', dropped: 3, msg: 'log lines were lost' }),
      expect.objectContaining({ msg: 'kept' }),
      expect.objectContaining({ msg: 'kept too' }),
    ]);
    await log.flush();
  });

  test('a slow destination is given one chunk at a time and what does not fit is dropped and counted', async () => {
    const chunks: string[] = [];
    let release = () => {};
    const sink = createBoundedSink(
      (chunk) => {
        chunks.push(chunk);
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      },
      { maxBufferBytes: 10 },
    );
    for (const line of ['aaa\n', 'bbb\n', 'é\n', 'x\n']) sink.write(line);
    expect([chunks, sink.dropped]).toEqual([['aaa\n'], 1]);
    let flushed = false;
    const flushing = sink.flush().then(() => {
      flushed = true;
    });
    release();
    await platform.timers.yield();
    expect([chunks, flushed]).toEqual([['aaa\n', 'bbb\nx\n'], false]);
    sink.write('ccc\n');
    release();
    await platform.timers.yield();
    release();
    await flushing;
    expect([chunks.at(-1), sink.dropped]).toEqual(['ccc\n', 1]);
  });

  test('a destination that rejects loses its chunk and is given the next', async () => {
    const sink = createBoundedSink((chunk) => (chunk === 'a\n' ? Promise.reject(new Error('EIO')) : undefined), { maxBufferBytes: 100 });
    sink.write('a\n');
    sink.write('b\n');
    await sink.flush();
    expect(sink.dropped).toBe(1);
  });

  test('a destination that logs itself does not go round for ever', () => {
    const { log } = logTo();
    const sink = createBoundedSink(
      (chunk) => {
        if (chunk === 'a\n') sink.write('b\n');
        log.info({ chunk });
      },
      { maxBufferBytes: 100 },
    );
    sink.write('a\n');
    expect(sink.dropped).toBe(0);
  });

  test('flushing gives up when the destination hangs', async () => {
    const { log } = logTo({ destination: () => new Promise(() => {}) });
    log.info({});
    await log.flush(10);
  });

  test('without a destination the lines go to standard error, all of them, and nothing to standard output', () => {
    const program = `import { createLog } from './index.ts'; import { realPlatform } from '../platform/index.ts';
      const log = createLog({ platform: realPlatform(), service: 'shop', version: '1', env: 'test' });
      for (let i = 0; i < 2000; i++) log.info({ i }, 'line');
      await log.flush(); process.exit(0);`;
    const child = spawnSync(process.execPath, ['-C', 'ramet-source', '--input-type=module-typescript', '-e', program], {
      cwd: HERE,
      encoding: 'utf8',
    });
    const lines = child.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).i);
    expect(child.stdout).toBe('');
    expect(lines).toEqual(Array.from({ length: 2_000 }, (_, i) => i));
  });

  test('a process whose standard error has no reader keeps working and ends', async () => {
    const program = `import { createLog } from './index.ts'; import { realPlatform } from '../platform/index.ts';
      const log = createLog({ platform: realPlatform(), service: 'shop', version: '1', env: 'test' });
      for (let turn = 0; turn < 50; turn++) {
        for (let i = 0; i < 1000; i++) log.info({ i, text: 'x'.repeat(100) }, 'line');
        await new Promise((resolve) => setImmediate(resolve));
      }
      await log.flush(50); process.stdout.write(String(log.dropped > 0), () => process.exit(7));`;
    const child = spawn(process.execPath, ['-C', 'ramet-source', '--input-type=module-typescript', '-e', program], {
      cwd: HERE,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    const [code] = await once(child, 'exit');
    expect([out, code]).toEqual(['true', 7]);
  });

  test.runIf(existsSync('/dev/full'))('a standard error that is full is survived', () => {
    const program = `import { createLog } from './index.ts'; import { realPlatform } from '../platform/index.ts';
      const log = createLog({ platform: realPlatform(), service: 'shop', version: '1', env: 'test' });
      for (let i = 0; i < 10; i++) { log.info({ i }, 'line'); await log.flush(); }
      console.log(log.dropped);`;
    const child = spawnSync(
      'sh',
      ['-c', `"$0" -C ramet-source --input-type=module-typescript -e "$1" 2>/dev/full`, process.execPath, program],
      { cwd: HERE, encoding: 'utf8' },
    );
    expect([child.status, child.stdout]).toEqual([0, '10\n']);
  });

  test('the silent log takes everything', () => {
    silentLog.child({ a: 1 }).error({ err: new Error('no') }, 'nothing');
    expect(silentLog.level).toBe('silent');
  });
});

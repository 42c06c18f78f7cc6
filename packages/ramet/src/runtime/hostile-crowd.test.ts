import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { get, post, until, Wire } from '../http/raw.fixture.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';

const PROCESS = fileURLToPath(new URL('./fixtures/crowd.fixture.ts', import.meta.url));
const CONNECTIONS = 10_000;
const AT_ONCE = 50;
const JSON_TYPE = 'content-type: application/json';

const write = (text: string, ...headers: string[]) => post('/notes', JSON.stringify({ text }), JSON_TYPE, ...headers);
const hidden = write('hidden');
const CHUNKED = `POST /notes HTTP/1.1\r\nhost: a\r\n${JSON_TYPE}\r\ntransfer-encoding: chunked\r\n\r\n`;
/** Whatever a stranger may send. What is hidden behind a refusal must not take effect. */
const ATTACKS: readonly string[] = [
  'CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n',
  `CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n${hidden}`,
  `GET /watch HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n${hidden}`,
  `${CHUNKED.replace('chunked', 'gzip, chunked')}0\r\n\r\n${hidden}`,
  `${CHUNKED}zz\r\n${hidden}`,
  `${CHUNKED}4\r\n{"a"`,
  `GET http://a/watch HTTP/1.1\r\nhost: a\r\n\r\n${hidden}`,
  `GET /a/../watch HTTP/1.1\r\nhost: a\r\nexpect: miracles\r\n\r\n${hidden}`,
  `${get('/watch', 'connection: upgrade', 'upgrade: h2c')}${hidden}`,
  `${get('/watch', 'connection: upgrade', 'upgrade: websocket')}`,
  `GET / HTTP/1.1\r\nhost: a\r\n${'x: y\r\n'.repeat(101)}\r\n${hidden}`,
  `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n${hidden}`,
  `POST /notes HTTP/1.1\r\nhost: a\r\n${JSON_TYPE}\r\ncontent-length: 999999999\r\n\r\n${hidden}`,
  `POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n`,
  `POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n${hidden}`,
  `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden}`,
  `\x16\x03\x01\x00\xc8\x01${hidden}`,
  `${get('/watch').repeat(3)}rubbish`,
  '',
];
type Leave = (wire: Wire) => Promise<unknown>;
/** The ways in which a stranger disconnects. */
const LEAVES: readonly Leave[] = [
  async ({ socket }) => socket.resetAndDestroy(),
  async ({ socket }) => sleep(2).then(() => socket.resetAndDestroy()),
  async ({ socket }) => sleep(5).then(() => socket.destroy()),
  async ({ socket }) => {
    socket.pause().end();
    await sleep(10);
    socket.destroy();
  },
];

test('a process is alive after 10,000 hostile connections, and nothing hidden took effect', { timeout: 120_000 }, async () => {
  using folder = temporaryFolder();
  const child = fork(PROCESS, [folder.path], { execArgv: ['-C', 'ramet-source'], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  const ended = once(child, 'exit');
  try {
    const [ports] = (await once(child, 'message')) as [number[]];
    let answered = 0;
    let next = 0;
    const stranger = async () => {
      for (let n = next++; n < CONNECTIONS && child.exitCode === null; n = next++) {
        const port = ports[n % 10 < 8 ? 0 : (n % 10) - 7] as number;
        const wire = await Wire.open(port);
        const bytes = ATTACKS[n % ATTACKS.length] as string;
        wire.socket.write(n % 3 === 0 ? bytes.slice(0, (n * 7) % (bytes.length + 1)) : bytes, 'latin1');
        await (LEAVES[n % LEAVES.length] as Leave)(wire);
        if (n % 20 !== 0) continue;
        // A client among them.
        const polite = await Wire.ask(ports[0] as number, write(`polite ${n}`, 'connection: close'));
        expect(polite.statuses).toEqual([201]);
        answered++;
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, stranger));
    expect([child.exitCode, said]).toEqual([null, '']);
    const state = async () => {
      child.send('state');
      const [now] = await once(child, 'message');
      return now as { effects: Record<string, number>; streams: number; memory: number };
    };
    let now = await state();
    await until(() => {
      void state().then((newer) => {
        now = newer;
      });
      return now.streams === 0;
    }, 'the streams of those who have gone to end');
    expect(now.effects['hidden']).toBeUndefined();
    expect(Object.values(now.effects)).toEqual(Array(answered).fill(1));
    expect(now.memory).toBeLessThan(700 * 1024 * 1024);
    child.send('end');
    await ended;
    expect([child.exitCode, said]).toEqual([0, '']);
  } finally {
    child.kill('SIGKILL');
  }
});

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { WireCutter } from './wire-cutter.ts';

/** A server that answers what it hears, behind a cutter. */
async function place() {
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      heard.push(bytes.toString());
      socket.write(`heard ${bytes}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { wire, url } = await WireCutter.to(`postgres://a:b@127.0.0.1:${(server.address() as { port: number }).port}/db`);
  onTestFinished(async () => {
    await wire[Symbol.asyncDispose]();
    server.close();
  });
  const client = async (): Promise<Socket> => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    return socket;
  };
  return { wire, heard, client };
}

const answer = async (socket: Socket): Promise<string> => String((await once(socket, 'data'))[0]);

test('what passes arrives, both ways, until all is cut', async () => {
  const { wire, client } = await place();
  const socket = await client();
  socket.write('one');
  expect(await answer(socket)).toBe('heard one');
  wire.cut();
  await once(socket, 'close');
});

test('a COMMIT loses its connection before or after the server has heard it', async () => {
  const { wire, heard, client } = await place();
  const commit = '\0\x02\0\0\0\x0217\0\0\0\x1econ_06gzqy9fa1y7b71a5n6r852t04\0\0';
  wire.cutCommits([false, true]);
  for (const text of ['first', 'second']) {
    const socket = await client();
    const answers: string[] = [];
    socket.on('data', (bytes) => answers.push(String(bytes)));
    socket.write(`${text}${commit}`);
    await once(socket, 'close');
    expect(answers).toEqual([]);
  }
  expect(heard).toEqual([`second${commit}`]);
  expect(wire.commitsCut).toBe(2);
});

test('what is held is lost, and so are those who came meanwhile', async () => {
  const { wire, heard, client } = await place();
  const before = await client();
  before.write('one');
  await answer(before);
  wire.hold();
  const during = await client();
  before.write('two');
  during.write('three');
  await sleep(50);
  expect(heard).toEqual(['one']);
  const closed = [once(before, 'close'), once(during, 'close')];
  wire.release();
  await Promise.all(closed);
  expect(heard).toEqual(['one']);
  const after = await client();
  after.write('four');
  expect(await answer(after)).toBe('heard four');
});

test('what was said before an end arrives before it, and the other way stays open', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let heard = '';
    socket.on('data', (bytes) => (heard += bytes));
    socket.on('end', () => socket.end(`heard ${heard.length}`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await using wire = await WireCutter.open();
  // No process listens there so far.
  const early = connect(wire.port, '127.0.0.1');
  await once(early, 'close');
  wire.lead({ host: '127.0.0.1', port: (server.address() as { port: number }).port });
  const client = connect({ port: wire.port, host: '127.0.0.1', allowHalfOpen: true });
  client.end('x'.repeat(3_000_000));
  expect(await answer(client)).toBe('heard 3000000');
  server.close();
});

test('a slow reader is waited for, and nothing is lost', async () => {
  let slow: Socket | undefined;
  const server = createServer((socket) => {
    slow = socket.pause();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await using wire = await WireCutter.open({ host: '127.0.0.1', port: (server.address() as { port: number }).port });
  const client = connect(wire.port, '127.0.0.1');
  const bytes = 50_000_000;
  client.write(Buffer.alloc(bytes));
  await sleep(300);
  // What neither the sockets nor the way took stays with the sender.
  expect(client.writableLength).toBeGreaterThan(bytes / 2);
  let heard = 0;
  slow?.on('data', (chunk) => (heard += chunk.length)).resume();
  while (heard < bytes) await sleep(10);
  expect(heard).toBe(bytes);
  client.destroy();
  server.close();
});

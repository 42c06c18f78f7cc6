import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { listen } from '../child-process.ts';

const main = join(import.meta.dirname, 'main.ts');
let dataDir: string;
let children: ChildProcess[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'provider-process-'));
  children = [];
});

afterEach(async () => {
  for (const child of children) await kill(child);
  rmSync(dataDir, { recursive: true });
});

async function kill(child: ChildProcess) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function launch(port = 0): ChildProcess {
  const env = { ...process.env, DATA_DIR: dataDir, PROVIDER_PORT: String(port) };
  const child = fork(main, { env, execArgv: [], stdio: ['ignore', 'pipe', 'inherit', 'ipc'] });
  children.push(child);
  return child;
}

async function ready(child: ChildProcess): Promise<number> {
  const [message] = await once(child, 'message');
  expect(message).toEqual({ ready: true, port: expect.any(Number) });
  return message.port;
}

async function post(port: number, path: string, body: object, key = 'none') {
  const headers = { 'idempotency-key': key };
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, body: (await response.json()) as any };
}

test('everything answered survives a SIGKILL, and a repeat gets the same answer', async () => {
  const first = launch();
  const port = await ready(first);
  const { token } = (await post(port, '/tokens', { number: '4242424242424242' }, 't')).body;
  const charge = { token, amount: 500, reference: 'order-1' };
  const charged = await Promise.all([1, 2, 3, 4, 5].map((n) => post(port, '/charges', charge, `k${n}`)));
  const refunded = await post(port, `/charges/${charged[0]?.body.chargeId}/refunds`, {}, 'r');
  await kill(first);

  expect(await ready(launch(port))).toBe(port);
  expect((await post(port, '/tokens', { number: '4242424242424242' }, 't')).body).toEqual({ token });
  expect(await Promise.all([1, 2, 3, 4, 5].map((n) => post(port, '/charges', charge, `k${n}`)))).toEqual(charged);
  expect(await post(port, `/charges/${charged[0]?.body.chargeId}/refunds`, {}, 'r')).toEqual(refunded);
  const { items } = (await (await fetch(`http://127.0.0.1:${port}/charges`)).json()) as any;
  expect(items.map((item: any) => item.status).sort()).toEqual(['captured', 'captured', 'captured', 'captured', 'refunded']);
});

test('a charge whose answer is still owed survives a SIGKILL', async () => {
  const first = launch();
  const port = await ready(first);
  const { token } = (await post(port, '/tokens', { number: '4000000000000259' })).body;
  const charge = { token, amount: 500, reference: 'order-1' };
  const lost = expect(post(port, '/charges', charge, 'k')).rejects.toThrow();
  const charged = async () => (await fetch(`http://127.0.0.1:${port}/charges/by-key/k`)).status;
  await expect.poll(charged, { timeout: 10_000 }).toBe(200);
  await kill(first);
  await lost;

  await ready(launch(port));
  expect((await post(port, '/charges', charge, 'k')).status).toBe(201);
});

test('the process prints its port, and closes in good order on SIGTERM', async () => {
  const child = launch();
  const [line] = await once(child.stdout as NodeJS.ReadableStream, 'data');
  expect(String(line)).toMatch(/^provider ready \d+\n$/);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('the process waits for a port that is still in use', async () => {
  const holder = createServer();
  const port = await listen(holder, 0);
  const started = ready(launch(port));
  const early = await Promise.race([started, new Promise((resolve) => setTimeout(resolve, 700, 'still waiting'))]);
  expect(early).toBe('still waiting');
  holder.close();
  expect(await started).toBe(port);
});

test('the process dies with a parent that is killed', async () => {
  const parentCode = `
    const child = require('node:child_process').fork(${JSON.stringify(main)}, { execArgv: [] });
    child.on('message', () => {});
  `;
  const parent = spawn(process.execPath, ['-e', parentCode], {
    env: { ...process.env, DATA_DIR: dataDir, PROVIDER_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(parent);
  const [line] = await once(parent.stdout, 'data');
  const health = `http://127.0.0.1:${/\d+/.exec(String(line))?.[0]}/health`;
  expect((await fetch(health)).status).toBe(200);
  await kill(parent);
  // Its process id says nothing: where no init collects orphans, a dead one keeps it.
  const answers = () =>
    fetch(health).then(
      () => true,
      () => false,
    );
  await expect.poll(answers, { timeout: 10_000 }).toBe(false);
});

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { startTravel, temporaryFolder } from './fixtures/start.fixture.ts';

const PRIMARY = fileURLToPath(new URL('./fixtures/shared-port.fixture.ts', import.meta.url));
const REPLACEMENTS = 4;
const CLIENTS = 8;

test('a replacement serves on the port before the one that it replaces leaves it, and no request fails', { timeout: 120_000 }, async () => {
  const primary = fork(PRIMARY, [String(REPLACEMENTS)], { execArgv: ['-C', 'ramet-source'] });
  try {
    const [port] = (await once(primary, 'message')) as [number];
    // One that keeps its connection, and one that never does.
    const agents = [new Agent({ keepAlive: true }), new Agent({ keepAlive: false })];
    let over = false;
    const answers: Record<string, number> = {};
    const load = async (client: number) => {
      for (let n = 0; !over; n++) {
        const answer = await ask(port, agents[client % agents.length] as Agent, `trip-${client}-${n}`);
        answers[answer] = (answers[answer] ?? 0) + 1;
      }
    };
    const clients = Promise.all(Array.from({ length: CLIENTS }, (_, client) => load(client)));
    primary.send('replace');
    const [said] = await once(primary, 'message');
    over = true;
    await clients;
    for (const agent of agents) agent.destroy();
    expect(said).toBe('replaced');
    // A process on a busy machine may say that it has too much to do; what counts is that every request is answered.
    const { '503 Overloaded': _, ...others } = answers;
    expect(others).toEqual({ 202: expect.any(Number) });
    expect(answers['202']).toBeGreaterThan(REPLACEMENTS * CLIENTS);
    primary.send('end');
    await once(primary, 'exit');
  } finally {
    primary.kill('SIGKILL');
  }
});

test('a request on a connection that was idle when its process began to stop is answered, and the connection ends', async () => {
  using folder = temporaryFolder();
  const t = await startTravel(folder.path, { ports: { edge: 0 }, sharePorts: true });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const port = t.runtime.ports['edge'] as number;
  expect(await ask(port, agent, 'before')).toBe('202');
  const stopping = t.runtime.stop();
  await sleep(300);
  const answer = await new Promise<IncomingMessage>((resolve, reject) =>
    request({ port, host: '127.0.0.1', path: '/livez', agent }, resolve).once('error', reject).end(),
  );
  expect(answer.statusCode).toBe(200);
  expect(answer.headers.connection).toBe('close');
  answer.resume();
  const startedMono = performance.now();
  await stopping;
  // No client is left to wait for.
  expect(performance.now() - startedMono).toBeLessThan(3_000);
  agent.destroy();
});

/** @returns the status, and the code of what was refused; or why there is none */
function ask(port: number, agent: Agent, tripId: string): Promise<string> {
  const body = JSON.stringify({ tripId });
  return new Promise((resolve) => {
    const asked = request(
      { port, host: '127.0.0.1', method: 'POST', path: '/trips', agent, headers: { 'content-type': 'application/json' } },
      (answer) =>
        void text(answer).then(
          (said) => resolve(answer.statusCode === 202 ? '202' : `${answer.statusCode} ${JSON.parse(said).code}`),
          resolve,
        ),
    );
    asked.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    asked.end(body);
  });
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, event, failure, secret } from '../contract/index.ts';
import { use } from '../rpc/index.ts';
import { saga } from '../saga/index.ts';
import { service } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { eventually, temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const Ref = z.object({ id: z.string() });
const token = secret(z.string());
const Vault = contract('vault', {
  commands: {
    begin: command({ input: Ref }),
    open: command({ input: Ref, output: z.object({ drawers: z.record(z.string(), token) }) }),
    close: command({ input: Ref, errors: { Jammed: failure(409, z.object({ why: z.string(), code: token })) } }),
    undo: command({ input: Ref }),
    release: command({ input: Ref }),
  },
  events: { Released: event(z.object({ id: z.string(), code: token }), { key: 'id' }) },
});
const program = saga('visit', {
  input: Ref,
  key: 'id',
  uses: { vault: use(Vault) },
  waitsFor: [Vault.events.Released],
  async run({ id }, { use, step, waitFor }) {
    await step('open', use.vault.open({ id }), { undo: 'nothing' });
    await waitFor('released', Vault.events.Released, { key: id, timeout: '1m' });
    await step('close', use.vault.close({ id }), { undo: use.vault.undo({ id }) });
  },
});

test('operators and logs see no secret of an answer, an event or a declared failure', async () => {
  using folder = temporaryFolder();
  const vault = service(Vault).implement({
    sagas: [program],
    commands: {
      begin: (input, { start }) => start(program, input),
      open: () => ({ drawers: { left: 'HIDDEN-answer' } }),
      close: (_, { fail }) => {
        throw fail.Jammed({ why: 'rust', code: 'HIDDEN-failure' });
      },
      undo: () => {},
      release: ({ id }, { emit }) => emit.Released({ id, code: 'HIDDEN-event' }),
    },
  });
  const lines: string[] = [];
  const tokenFile = join(folder.path, 'token');
  const runtime = await start(topology({ services: { vault }, profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } } }), {
    logLevel: 'debug',
    logTo: (line) => void lines.push(line),
    admin: { port: 0, tokenFile },
  });
  try {
    const client = runtime.client(Vault);
    await client.begin({ id: 'a' });
    await client.release({ id: 'a' });
    const headers = { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}` };
    const get = async (path: string) => (await fetch(`http://127.0.0.1:${runtime.adminPort}${path}`, { headers })).json() as Promise<any>;
    const [saga] = await eventually(
      async () => (await get('/sagas')).items,
      ([found]) => found?.state === 'COMPENSATED',
    );
    const shown = await get(`/sagas/${saga.sagaId}`);
    expect(shown.context.results).toEqual({ open: { drawers: { left: '•••' } }, released: { id: 'a', code: '•••' } });
    expect(shown.failureReason).toBe('Jammed');
    expect(shown.steps.at(-1).error.data).toEqual({ why: 'rust', code: '•••' });
    await expect(client.close({ id: 'b' })).rejects.toMatchObject({
      message: 'Jammed {"why":"rust","code":"•••"}',
      data: { code: 'HIDDEN-failure' },
    });
    expect(JSON.stringify([saga, shown]) + lines.join('')).not.toContain('HIDDEN');
  } finally {
    await runtime.stop();
  }
});

import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, event, failure, query } from '../contract/index.ts';
import { ERRORS } from '../errors/index.ts';
import type { Duration } from '../platform/index.ts';
import { use } from '../rpc/index.ts';
import { eventually, temporaryFolder } from '../runtime/fixtures/start.fixture.ts';
import { type Runtime, start, topology } from '../runtime/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { service, sql } from './index.ts';

const Note = z.object({ text: z.string().min(1) });
const Mail = contract('mail', {
  commands: {
    deliver: command({ input: Note, errors: { Unwanted: failure(409, z.object({})) } }),
    refuse: command({ input: Note, errors: { Unwanted: failure(409, z.object({})) } }),
  },
});
const Other = contract('other', { commands: { deliver: command({ input: Note }) } });
const NewMail = contract('mail', { commands: { forward: command({ input: Note }) }, events: { Read: event(Note, { key: 'text' }) } });
const Desk = contract('desk', {
  commands: {
    write: command({ input: z.object({ to: z.string(), text: z.string(), after: z.string().optional() }) }),
    keep: command({ input: Note }),
    note: command({ input: Note }),
  },
  queries: { notes: query({ input: z.object({}), output: z.object({}) }) },
  events: { Written: event(Note, { key: 'text' }) },
});
const TARGETS = { mail: Mail.commands.deliver, refuse: Mail.commands.refuse, desk: Desk.commands.keep, other: Other.commands.deliver };
/** What JavaScript or a cast passes to `send`, though it is not a target. */
const NO_TARGETS: Record<string, unknown> = {
  event: Desk.events.Written,
  foreign: NewMail.events.Read,
  query: Desk.queries.notes,
  gone: NewMail.commands.forward,
  nothing: undefined,
};

let delivered: string[] = [];
let broken = 0;
let refused = 0;
const store = sql<{}>({ migrations: {} });
const services = {
  mail: service(Mail, { store }).implement({
    commands: {
      deliver: ({ text }) => {
        if (broken-- > 0) throw new Error('the postman is ill');
        delivered.push(text);
      },
      refuse: (_, { fail }) => {
        refused++;
        throw fail.Unwanted({});
      },
    },
  }),
  other: service(Other, { store }).implement({ commands: { deliver: ({ text }) => void delivered.push(text) } }),
  desk: service(Desk, { store, uses: { mail: use(Mail) } }).implement({
    commands: {
      write: ({ to, text, after }, { send, emit }) => {
        emit.Written({ text: 'before' });
        send(
          (to in NO_TARGETS ? NO_TARGETS[to] : TARGETS[to as 'mail']) as typeof TARGETS.mail,
          { text },
          after === undefined ? {} : { after: after as Duration },
        );
      },
      note: ({ text }, { emit }) => emit.Written({ text: text === 'bad' ? (1 as never) : text }),
      keep: ({ text }) => void delivered.push(`kept ${text}`),
    },
    queries: { notes: () => ({}) },
  }),
};

const running: Runtime[] = [];
afterEach(async () => {
  for (const runtime of running.splice(0)) await runtime.stop();
});
async function open(folder: string): Promise<Runtime> {
  delivered = [];
  const runtime = await start(
    topology({
      services: Object.fromEntries(Object.entries(services).map(([name, definition]) => [name, async () => ({ default: definition })])),
      profiles: { monolith: { store: sqlite(folder), bus: embedded() } },
    }),
    { logTo: () => {} },
  );
  running.push(runtime);
  return runtime;
}
const left = async (runtime: Runtime) => (await runtime.services.get('desk')?.store.reader.all('select id from ramet_timers'))?.length;

test('a command is sent to the service itself and to those it uses, and delivered until it is done', async () => {
  using folder = temporaryFolder();
  const runtime = await open(folder.path);
  const desk = runtime.client(Desk);
  broken = 2;
  await desk.write({ to: 'mail', text: 'hello' });
  await desk.write({ to: 'desk', text: 'a copy' });
  await eventually(() => delivered.length === 2);
  expect(delivered.toSorted()).toEqual(['hello', 'kept a copy']);
  await eventually(async () => (await left(runtime)) === 0);
});

test('a command with a delay is sent, even if the process ended in between', async () => {
  using folder = temporaryFolder();
  const first = await open(folder.path);
  await first.client(Desk).write({ to: 'mail', text: 'later', after: '1500ms' });
  await first.stop();
  running.length = 0;
  const second = await open(folder.path);
  expect([delivered, await left(second)]).toEqual([[], 1]);
  await eventually(() => delivered.length === 1);
  expect(delivered).toEqual(['later']);
});

test('a declared failure of the target ends the delivery', async () => {
  using folder = temporaryFolder();
  const runtime = await open(folder.path);
  refused = 0;
  await runtime.client(Desk).write({ to: 'refuse', text: 'hello' });
  await eventually(async () => refused > 0 && (await left(runtime)) === 0);
  expect(refused).toBe(1);
});

test('a command to an undeclared service is refused where it is sent, and the handler’s writes are undone', async () => {
  using folder = temporaryFolder();
  const runtime = await open(folder.path);
  await expect(runtime.client(Desk).write({ to: 'other', text: 'hello' })).rejects.toMatchObject({ code: 'UndeclaredTarget' });
  expect(await left(runtime)).toBe(0);
  expect(await runtime.services.get('desk')?.store.reader.all('select pos from ramet_outbox')).toEqual([]);
});

test.each([
  ['event', "'desk' sends 'desk.Written', which is an event: write emit.Written(…)"],
  ['foreign', "'desk' sends 'mail.Read', which is an event of another service; only 'mail' emits it"],
  ['query', "'desk' sends 'desk.notes', which is a query; only commands are sent"],
  [
    'gone',
    "'desk' sends 'mail.forward', but the declared contract of 'mail' has no command 'forward': pass the contract with it to 'use()'",
  ],
  ['nothing', "'desk' calls 'send' without a command: write send(Orders.commands.place, …), with a command of a contract"],
  ['other', "'desk' sends 'other.deliver', but does not declare 'other' in 'uses'; add it"],
])('a target that is wrong (%s) is refused with the advice that fits it', async (to, message) => {
  using folder = temporaryFolder();
  const runtime = await open(folder.path);
  await expect(runtime.client(Desk).write({ to, text: 'hello' })).rejects.toMatchObject({ code: 'UndeclaredTarget', message });
});

test('an event and a sent input that do not fit are named as what they are, not as an answer', async () => {
  using folder = temporaryFolder();
  const runtime = await open(folder.path);
  const desk = runtime.client(Desk);
  const refused = (what: string) => ({ code: 'InvalidOutput', message: expect.stringContaining(what) });
  await expect(desk.note({ text: 'bad' })).rejects.toMatchObject(refused("event 'desk.Written'"));
  await expect(desk.write({ to: 'mail', text: '' })).rejects.toMatchObject(refused("the sent command 'mail.deliver'"));
  expect(ERRORS.InvalidOutput.title).toBe('What a handler answers, emits or sends does not fit its contract');
});

test('an input that its target would refuse is refused where it is sent', async () => {
  using folder = temporaryFolder();
  const runtime = await open(folder.path);
  await expect(runtime.client(Desk).write({ to: 'mail', text: '' })).rejects.toMatchObject({ code: 'InvalidOutput' });
  expect(await left(runtime)).toBe(0);
});

import { command, contract, event, service, sql } from 'ramet';
import { z } from 'zod';
import { startRamet } from '../core/ramet.ts';
import type { Start } from '../core/row.ts';
import { timedOneByOne } from './one-by-one.ts';

const Sent = z.object({ id: z.string() });
const Sender = contract('sender', { commands: { send: command({ input: Sent }) }, events: { Sent: event(Sent, { key: 'id' }) } });
const Receiver = contract('receiver', {});

interface Tables {
  seen: { id: string };
}

const sender = service(Sender, { store: sql<{}>({ migrations: {} }) }).implement({
  commands: { send: ({ id }, { emit }) => emit.Sent({ id }) },
});
const receiver = service(Receiver, {
  store: sql<Tables>({ migrations: { '0001_seen': 'create table seen (id text primary key) strict' } }),
}).implement({
  reactions: (on) => [on(Sender.events.Sent, async ({ id }, { db }) => void (await db.insertInto('seen').values({ id }).execute()))],
});

const start: Start = async ({ folder, forMs }) => {
  let handled = () => {};
  // The framework's own named point: the reaction's transaction has been committed.
  const onPoint = (site: string) => {
    if (site === 'consumer.handled') handled();
    return undefined;
  };
  const runtime = await startRamet({ sender, receiver }, { folder, onPoint });
  const { send } = runtime.client(Sender);
  let ids = 0;
  const publish = (onHandled: () => void) => {
    handled = onHandled;
    return send({ id: `event-${ids++}` });
  };
  return { round: () => timedOneByOne(publish, forMs), close: () => runtime.stop() };
};
export default start;

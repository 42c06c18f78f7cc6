/** A command takes effect once under its key, and a command that was sent arrives even if the process ends before it is delivered. */
import { command, contract, service, sql } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import { start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { z } from 'zod';

const User = z.object({ name: z.string() });
const Users = contract('users', {
  commands: { register: command({ input: User, output: z.object({ userId: z.string() }) }), welcome: command({ input: User }) },
});

let welcomed = () => {};
const users = service(Users, {
  store: sql<{ users: { user_id: string; name: string } }>({
    migrations: { '0001_users': 'create table users (user_id text primary key, name text not null)' },
  }),
}).implement({
  commands: {
    async register({ name }, { db, id, send }) {
      const userId = id('usr');
      await db.insertInto('users').values({ user_id: userId, name }).execute();
      send(Users.commands.welcome, { name }, { after: '1s' }); // commits with the row, or not at all
      return { userId };
    },
    welcome({ name }) {
      console.log(`Welcome, ${name}!`);
      welcomed();
    },
  },
});

const app = topology({
  services: { users },
  profiles: { monolith: { store: sqlite(process.env.DATA_DIR ?? '.data'), bus: embedded() } },
});
const options = { logLevel: 'warn' };

const first = await start(app, options);
const { userId } = await first.client(Users).register({ name: 'Ada' }, { key: 'request-1' });
const again = await first.client(Users).register({ name: 'Ada' }, { key: 'request-1' });
console.log(`The repeated request got the same user: ${again.userId === userId}`);
await first.stop();
console.log('The process has ended before the welcome.');

const done = new Promise<void>((resolve) => (welcomed = resolve));
const second = await start(app, options);
await done;
await second.stop();

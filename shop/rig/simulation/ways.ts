import { command, contract, DeclaredError, event, failure, RametError, saga, service, sql, use } from 'ramet';
import { topology } from 'ramet/runtime';
import { invariant, type Simulated, type Simulation } from 'ramet/simulation';
import { z } from 'zod';

/*
 * A program in which whatever comes first decides what follows, and which runs again several times afterwards. What it
 * decided is in the tables of others: a way that was taken leaves a row, and so would a second one.
 */
const Ref = z.object({ id: z.string() });
const Act = Ref.extend({ what: z.string() });

const Desk = contract('desk', {
  commands: {
    begin: command({ input: Ref, key: 'required' }),
    agree: command({ input: Ref, key: 'required' }),
    refuse: command({ input: Ref, key: 'required' }),
    accept: command({ input: Ref }),
    drop: command({ input: Ref }),
  },
  events: { Agreed: event(Ref, { key: 'id' }), Refused: event(Ref, { key: 'id' }) },
});
const acts = { act: command({ input: Act, errors: { No: failure(409, z.object({})) } }), unact: command({ input: Act }) };
const East = contract('east', { commands: acts });
const West = contract('west', { commands: acts });

interface Tables {
  acts: { id: string; what: string };
}
const tables = { '0001_acts': 'create table acts (id text not null, what text not null)' };

const side = (of: typeof East | typeof West) =>
  service(of, { store: sql<Tables>({ migrations: tables }) }).implement({
    commands: {
      async act(act, { db, fail }) {
        if (act.what.startsWith('no')) throw fail.No({});
        await db.insertInto('acts').values(act).execute();
      },
      unact: async ({ id, what }, { db }) => void (await db.deleteFrom('acts').where('id', '=', id).where('what', '=', what).execute()),
    },
  });

const decide = saga('decide', {
  input: Ref,
  key: 'id',
  uses: { desk: use(Desk), east: use(East), west: use(West) },
  waitsFor: [Desk.events.Agreed, Desk.events.Refused],
  async run({ id }, { step, sleep, waitFor, use: { desk, east, west } }) {
    const patient = { timeout: '2s', deadline: '1d' } as const;
    const act = (side: typeof east | typeof west, what: string) => {
      const done = { east: () => east.act({ id, what }), west: () => west.act({ id, what }) };
      return side === east
        ? step(`${what} in the east`, done.east(), { undo: east.unact({ id, what }), ...patient }).then(() => 'east')
        : step(`${what} in the west`, done.west(), { undo: west.unact({ id, what }), ...patient }).then(() => 'west');
    };
    await step('accept', desk.accept({ id }), { undo: desk.drop({ id }), ...patient });
    const word = await Promise.race([
      waitFor('agreed', Desk.events.Agreed, { key: id, timeout: '20s' }).then((told) => (told ? 'agreed' : 'silence')),
      waitFor('refused', Desk.events.Refused, { key: id, timeout: '20s' }).then((told) => (told ? 'refused' : 'silence')),
      sleep('patience', '4s').then(() => 'patience'),
    ]);
    await act(east, `word ${word}`);
    await sleep('first night', '700ms');
    const faster = await Promise.any([act(east, 'look'), act(west, 'look'), act(west, 'no look')]);
    await act(west, `faster ${faster}`);
    await sleep('second night', '700ms');
    const failed = await Promise.all([act(east, 'no try'), act(west, 'no try')]).then(
      () => 'none',
      (error: unknown) => (error instanceof DeclaredError ? error.error : 'another'),
    );
    const won = await Promise.race([act(west, 'run'), act(east, 'run')]);
    await act(east, `won ${won} ${failed}`);
    await sleep('third night', '700ms');
    if (id.endsWith('7')) throw new Error('changed its mind');
  },
});

const desk = service(Desk, { store: sql<Tables>({ migrations: tables }) }).implement({
  commands: {
    begin: (input, { start }) => start(decide, input),
    agree: (input, { emit }) => emit.Agreed(input),
    refuse: (input, { emit }) => emit.Refused(input),
    accept: async ({ id }, { db }) => void (await db.insertInto('acts').values({ id, what: 'accept' }).execute()),
    drop: async ({ id }, { db }) => void (await db.deleteFrom('acts').where('id', '=', id).execute()),
  },
  sagas: [decide],
});

/** Sagas whose programs race their steps, sleeps and waits against one another. */
export const ways: Simulation = {
  topology: topology({ services: { desk, east: side(East), west: side(West) }, profiles: {} }),
  faults: { 'lose-reply': 3, 'late-request': 3, duplicate: 2, kill: 3, zombie: 2, delay: 1 },

  async scenario(sim) {
    await Promise.all(Array.from({ length: sim.int('sagas', 1, 3) }, (_, n) => one(sim, `s${n}${sim.int('digit', 0, 9)}`)));
    await sim.sleep(sim.int('waits', 100, 8_000));
  },

  invariants: [
    invariant('of each two ways one was taken', 'end', async (sim) => {
      const found: string[] = [];
      const sagas = await sim.rows<{ id: string; state: string }>('desk', 'select business_key as id, state from ramet_sagas');
      for (const { id, state } of sagas) {
        const rows = await Promise.all(
          ['desk', 'east', 'west'].map((at) => sim.rows<{ what: string }>(at, 'select what from acts where id = ? order by what', id)),
        );
        const acts = rows.flat().map(({ what }) => what);
        const firsts = acts.map((what) => what.split(' ')[0]);
        const expected = state === 'COMPLETED' ? ['accept', 'faster', 'look', 'look', 'run', 'run', 'won', 'word'] : [];
        if (firsts.sort().join() !== expected.join()) found.push(`${id} is ${state}, and has done ${acts.join(', ') || 'nothing'}`);
        for (const act of acts) if (/^(word|faster|won)/.test(act)) sim.sometimes(act);
      }
      return found;
    }),
  ],
};

async function one(sim: Simulated, id: string): Promise<void> {
  const client = sim.client(Desk);
  await insisting(sim, () => client.begin({ id }, { key: `begin ${id}` }));
  const say = async (what: 'agree' | 'refuse') => {
    if (sim.chance(what) < 0.2) return;
    await sim.sleep(sim.int(`${what} after`, 0, 6_000));
    await insisting(sim, () => client[what]({ id }, { key: `${what} ${id}` }));
  };
  await Promise.all([say('agree'), say('refuse')]);
}

async function insisting(sim: Simulated, ask: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; attempt < 6; attempt++) {
    try {
      await ask();
      return;
    } catch (error) {
      if (!(error instanceof RametError) || !error.retryable) throw error;
    }
    await sim.sleep(300 * 2 ** attempt);
  }
}

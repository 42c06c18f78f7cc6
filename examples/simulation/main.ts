/** A simulation runs services under seeds, with made-up time and faults. A broken promise is a seed that fails again and again. */
import { command, contract, RametError, service, sql } from 'ramet';
import { topology } from 'ramet/runtime';
import { formatFailure, invariant, simulate } from 'ramet/simulation';
import { z } from 'zod';

const Jar = contract('jar', { commands: { put: command({ input: z.object({ coin: z.string() }) }) } });
const jar = service(Jar, {
  store: sql<{ coins: { coin: string } }>({ migrations: { '0001_coins': 'create table coins (coin text not null)' } }),
}).implement({
  commands: {
    async put(coin, { db }) {
      await db.insertInto('coins').values(coin).execute();
    },
  },
});

/** Puts five coins into the jar, and asks again when an answer is lost. */
const run = (keyOf: (coin: string) => { key?: string }) =>
  simulate(topology({ services: { jar }, profiles: {} }), {
    seeds: 50,
    async scenario(sim) {
      const client = sim.client(Jar);
      for (const coin of ['a', 'b', 'c', 'd', 'e'])
        for (let attempt = 0; attempt < 5; attempt++) {
          try {
            await client.put({ coin }, keyOf(coin));
            break;
          } catch (error) {
            if (!(error instanceof RametError)) throw error;
            await sim.sleep('500ms');
          }
        }
    },
    invariants: [
      invariant('no coin is there twice', 'always', async (sim) => {
        const twice = await sim.rows<{ coin: string }>('jar', 'select coin from coins group by coin having count(*) > 1');
        return twice.map(({ coin }) => `${coin} is there twice`);
      }),
    ],
  });

const right = await run((coin) => ({ key: coin }));
console.log(`with a key: ${right.failures.length} broken promises`);

const wrong = await run(() => ({}));
console.log(`without a key, a broken promise is found: ${wrong.failures.length > 0}`);
console.log(`it fails with so many faults: ${wrong.failures[0]?.faults.length}`);
if (process.env.SHOW && wrong.failures[0]) console.log(formatFailure(wrong.failures[0]));

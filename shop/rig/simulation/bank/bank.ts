import { DeclaredError, RametError } from 'ramet';
import { topology } from 'ramet/runtime';
import { invariant, type Simulated, type Simulation } from 'ramet/simulation';
import { Books, CLOSED, Giro, Savings, STUCK, services, Transfers } from './services.ts';

const GIRO = { ada: 1_000, ben: 40, [STUCK]: 500 };
const SAVINGS = { cleo: 0, dan: 0, [CLOSED]: 0 };
const TOTAL = Object.values(GIRO).reduce((sum, balance) => sum + balance, 0);
const opened = (of: Record<string, number>) => ({ accounts: Object.entries(of).map(([account, balance]) => ({ account, balance })) });

/** Transfers between accounts whose handlers protect nothing: the money is kept together by the framework, or it is lost. */
export const bank: Simulation = {
  topology: topology({ services, profiles: {} }),
  faults: { 'lose-request': 3, 'lose-reply': 4, 'late-request': 4, duplicate: 2, kill: 2, zombie: 2, delay: 0.5 },

  async setup(sim) {
    await sim.client(Giro).open(opened(GIRO), { key: 'open' });
    await sim.client(Savings).open(opened(SAVINGS), { key: 'open' });
  },

  async scenario(sim) {
    const clients = Array.from({ length: sim.int('clients', 1, 3) }, (_, n) => client(sim, n));
    await Promise.all(sim.chance('a crowd') < 0.2 ? [...clients, crowd(sim)] : clients);
  },

  invariants: [
    invariant('INV-01 no money is made or lost', 'end', async (sim) => {
      const giro = await sim.rows<{ account: string; balance: number }>('giro', 'select * from accounts');
      const savings = await sim.rows<{ account: string; balance: number }>('savings', 'select * from accounts');
      const total = [...giro, ...savings].reduce((sum, { balance }) => sum + Number(balance), 0);
      return total === TOTAL ? [] : [`there are ${total} of ${TOTAL}`];
    }),
    invariant('INV-04/05 a transfer has happened, or it has not', 'end', async (sim) => {
      const found: string[] = [];
      const transfers = await sim.rows<{ transfer_id: string; sender: string; amount: number; state: string }>(
        'transfers',
        'select * from transfers',
      );
      for (const { transfer_id, state } of transfers) if (state === 'placed') found.push(`${transfer_id} is open`);
      for (const [account, initial] of Object.entries(GIRO)) {
        const left = transfers
          .filter(({ sender, state }) => sender === account && state === 'done')
          .reduce((sum, { amount }) => sum - Number(amount), initial);
        const [row] = await sim.rows<{ balance: number }>('giro', 'select balance from accounts where account = ?', account);
        if (Number(row?.balance) !== left) found.push(`${account} has ${row?.balance}, and by the transfers that are done ${left}`);
      }
      if (transfers.some(({ state }) => state === 'done')) sim.sometimes('a transfer was done');
      if (transfers.some(({ state }) => state === 'dropped')) sim.sometimes('a transfer was dropped');
      return found;
    }),
    invariant('INV-12 the books count each event once', 'end', async (sim) => {
      const totals = await sim.rows<{ what: string; n: number }>('books', 'select * from totals');
      const events = await sim.rows<{ event: string; n: number }>(
        'transfers',
        'select event, count(*) as n from ramet_outbox group by event',
      );
      const names = {
        'placed, by the auditors': 'transfers.TransferPlaced',
        placed: 'transfers.TransferPlaced',
        done: 'transfers.TransferDone',
        dropped: 'transfers.TransferDropped',
      };
      return Object.entries(names).flatMap(([what, event]) => {
        const counted = Number(totals.find((row) => row.what === what)?.n ?? 0);
        const published = Number(events.find((row) => row.event === event)?.n ?? 0);
        return counted === published ? [] : [`${published} of ${event} were published, ${counted} counted`];
      });
    }),
  ],
};

async function client(sim: Simulated, n: number): Promise<void> {
  const transfers = sim.client(Transfers, sim.user(`client ${n}`));
  for (let i = sim.int(`client ${n} transfers`, 1, 4); i > 0; i--) {
    const transferId = `t${n}${i}${sim.int('digit', 0, 9)}`;
    const order = {
      transferId,
      from: sim.pick('from', Object.keys(GIRO)),
      to: sim.pick('to', Object.keys(SAVINGS)),
      amount: sim.int('amount', 1, 60),
    };
    await insisting(sim, () => transfers.place(order, { key: transferId }));
    await sim.sleep(sim.int('thinks', 1, 1_500));
    if (sim.chance('stops') < 0.2) await insisting(sim, () => transfers.stop({ transferId }));
    if (sim.chance('looks') < 0.5)
      await sim
        .client(Books)
        .totals({})
        .catch(() => undefined);
  }
  await sim.sleep(sim.int('waits', 100, 6_000));
}

/** Many who look at their balances at once, while the bank is closed and when it opens again. */
async function crowd(sim: Simulated): Promise<void> {
  const eager = sim.client(Giro, undefined, { breaker: false, bulkhead: 400, timeout: '2s' });
  const careful = sim.client(Giro, undefined, { breaker: { openFor: '500ms' }, timeout: '1s' });
  const look = (at: typeof eager) => at.balance({ account: 'ada' }).catch(() => undefined);
  await sim.sleep(sim.int('the crowd comes', 1, 3_000));
  sim.kill('giro', '3s');
  await Promise.all(Array.from({ length: 150 }, () => look(eager)));
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 8 }, () => look(careful)));
    await sim.sleep(300);
  }
}

async function insisting<R>(sim: Simulated, ask: () => Promise<R>): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      await ask();
      return;
    } catch (error) {
      if (error instanceof DeclaredError) return;
      if (!(error instanceof RametError)) throw error;
      if (!error.retryable) throw error;
    }
    await sim.sleep(300 * 2 ** attempt);
  }
}

import { DISK, type Flush } from '../flush/flush.ts';
import { type Hosted, host } from './contenders.ts';
import { flushCostUs, load } from './machine.ts';
import type { Contender, Figures, Row, ServerName } from './row.ts';
import { type Server, startServer } from './servers.ts';

/** What one contender measured, round by round. */
export interface Measured {
  readonly contender: string;
  readonly role: Contender['role'];
  readonly flushUs: number;
  readonly rounds: readonly Figures[];
  /** Why there are no rounds. */
  readonly cannot?: string;
}

export interface RowResult {
  readonly row: Row;
  readonly measured: readonly Measured[];
  readonly at: string;
  readonly commit: string;
  readonly roundsAsked: number;
  /** The load average when it began and when it ended. */
  readonly load: readonly [number, number];
  /** What a flush of this disk cost just before, in microseconds: other work on the machine changes that too. */
  readonly diskFlushUs: number;
}

export interface RunOptions {
  readonly rounds: number;
  readonly forMs: number;
  /** Of contenders' names: only these. */
  readonly only: RegExp | undefined;
  readonly tell: (line: string) => void;
}

/** A reason is a word in a table. */
const WHY_MAX = 120;

/** Measures one row: starts and warms up all contenders, then runs rounds in turns. A contender that cannot run is reported, not omitted. */
export async function runRow(row: Row, slow: Flush | undefined, commit: string, options: RunOptions): Promise<RowResult> {
  const before = load();
  const at = new Date().toISOString();
  const diskFlushUs = flushCostUs();
  const measured: Measured[] = [];
  for (const flush of row.commits && slow ? [DISK, slow] : [DISK]) measured.push(...(await runWith(row, flush, options)));
  return { row, measured, at, commit, roundsAsked: row.rounds ?? options.rounds, load: [before, load()], diskFlushUs };
}

async function runWith(row: Row, flush: Flush, { rounds, forMs, only, tell }: RunOptions): Promise<Measured[]> {
  const servers = new Map<ServerName, Server>();
  const hosted: Hosted[] = [];
  const results = new Map<Contender, Figures[]>();
  const cannot = new Map<Contender, string>();
  const giveUp = async (contender: Contender, error: unknown) => {
    const why = (error as Error).message;
    tell(`  ${contender.name} cannot run: ${why}`);
    cannot.set(contender, (why.split('\n')[0] as string).slice(0, WHY_MAX));
    const at = hosted.findIndex((one) => one.contender === contender);
    if (at >= 0) await hosted.splice(at, 1)[0]?.close();
  };
  const contenders = row.contenders.filter(({ name }) => only === undefined || only.test(name));
  try {
    for (const contender of contenders) {
      if (flush.us > 0 && contender.noSlowFlush) {
        cannot.set(contender, contender.noSlowFlush);
        continue;
      }
      try {
        if (contender.needs && !servers.has(contender.needs)) servers.set(contender.needs, await startServer(contender.needs, flush));
        const server = contender.needs && servers.get(contender.needs)?.url;
        hosted.push(await host(contender, flush, server, forMs));
        // Warmed up: what it measures here counts for nothing.
        await hosted.at(-1)?.round();
      } catch (error) {
        await giveUp(contender, error);
      }
    }
    for (let round = 0; round < (row.rounds ?? rounds); round++) {
      // Another contender begins each time, so that none always follows the same one.
      const order = hosted.map((_, i) => hosted[(i + round) % hosted.length] as Hosted);
      for (const { contender, round: measure } of order) {
        try {
          const figures = await measure();
          results.set(contender, [...(results.get(contender) ?? []), figures]);
        } catch (error) {
          await giveUp(contender, error);
        }
      }
      tell(`  ${row.id} flush ${flush.us} round ${round + 1} done`);
    }
  } finally {
    await Promise.allSettled(hosted.map((one) => one.close()));
    await Promise.allSettled([...servers.values()].map((server) => server.stop()));
  }
  return contenders.map((contender) => ({
    contender: contender.name,
    role: contender.role,
    flushUs: flush.us,
    rounds: results.get(contender) ?? [],
    ...(cannot.has(contender) ? { cannot: cannot.get(contender) as string } : {}),
  }));
}

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { flushes, flushesEach } from '../core/flushes.ts';
import { percentiles } from '../core/measure.ts';
import type { Start } from '../core/row.ts';

const STEPS = 3;

/** `many` sagas go through their five commits together: start, three steps with fence and effect, end. */
const start: Start = async ({ folder, forMs }) => {
  const db = new DatabaseSync(join(folder, 'by-hand.db'));
  db.exec(`pragma journal_mode = wal; pragma synchronous = full;
    create table sagas (id text primary key, state text not null, at integer not null);
    create table fences (key text primary key, state text not null);
    create table effects (id text not null, step integer not null, primary key (id, step));`);
  const insert = db.prepare("insert into sagas values (?, 'RUNNING', 0)");
  const fence = db.prepare("insert into fences values (?, 'DONE')");
  const effect = db.prepare('insert into effects values (?, ?)');
  const move = db.prepare('update sagas set at = ? where id = ?');
  const end = db.prepare("update sagas set state = 'COMPLETED' where id = ?");
  const run = (many: number) => {
    const ids = Array.from({ length: many }, () => randomUUID());
    const commit = (work: (id: string) => void) => {
      db.exec('begin immediate');
      for (const id of ids) work(id);
      db.exec('commit');
    };
    commit((id) => insert.run(id));
    for (let step = 1; step <= STEPS; step++) {
      commit((id) => {
        fence.run(`${id}/${step}`);
        effect.run(id, step);
        move.run(step, id);
      });
    }
    commit((id) => end.run(id));
  };
  const loop = (many: number) => {
    const tookMs: number[] = [];
    const began = performance.now();
    for (let now = began; now < began + forMs; now = performance.now()) {
      run(many);
      tookMs.push(performance.now() - now);
    }
    return { perSecond: (tookMs.length * many * 1_000) / (performance.now() - began), tookMs };
  };
  return {
    async round() {
      const together = loop(50);
      const before = flushes();
      const alone = loop(1);
      const each = flushesEach(before, alone.tookMs.length);
      return { '50 at once': together.perSecond, 'alone, throughput': alone.perSecond, ...percentiles(alone.tookMs, 'alone, '), ...each };
    },
    close: async () => db.close(),
  };
};
export default start;

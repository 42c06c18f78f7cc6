import type { Databases } from './databases.ts';

export interface SagaSeen {
  readonly id: string;
  readonly state: string;
  readonly version: number;
  readonly epoch: number;
  readonly entries: number;
}

const TERMINAL = new Set(['COMPLETED', 'COMPENSATED']);

/** The sagas as they stand in a database. */
export const sagasIn = (databases: Databases): SagaSeen[] =>
  databases.rows<SagaSeen>(
    'orders',
    'select id, state, version, epoch, (select count(*) from ramet_saga_log where saga_id = id) as entries from ramet_sagas',
  );

/** Compares the sagas on disk from one fault to the next: what is only seen in between is lost at the end. */
export class SagaWatch {
  readonly #seen = new Map<string, SagaSeen>();
  readonly violations: string[] = [];

  observe(now: readonly SagaSeen[]): void {
    const left = new Set(this.#seen.keys());
    for (const saga of now) {
      left.delete(saga.id);
      const before = this.#seen.get(saga.id);
      if (before) this.#compare(before, saga);
      this.#seen.set(saga.id, saga);
    }
    for (const id of left) this.violations.push(`saga ${id} has vanished`);
  }

  #compare(before: SagaSeen, now: SagaSeen): void {
    const told = `${now.id}: ${JSON.stringify(before)} became ${JSON.stringify(now)}`;
    if (now.epoch < before.epoch) this.violations.push(`its epoch went back, saga ${told}`);
    if (now.entries < before.entries) this.violations.push(`its log became shorter, saga ${told}`);
    if (now.version < before.version) this.violations.push(`its version went back, saga ${told}`);
    else if (now.version === before.version && (now.state !== before.state || now.epoch !== before.epoch))
      this.violations.push(`it changed without a new version, saga ${told}`);
    if (TERMINAL.has(before.state) && (now.state !== before.state || now.version !== before.version))
      this.violations.push(`it changed after its end, saga ${told}`);
  }
}

import { RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { Cancellation, Reply } from '../../rpc/index.ts';
import { isGivenUp, STARTS_MAX, type Store, Suspects } from '../../store/index.ts';
import type { EventLog } from '../../telemetry/index.ts';

/** Work that is started again: its operation, and the key under which its caller repeats it. */
export interface Started {
  readonly operation: string;
  readonly key: string;
  readonly cancellation: Cancellation;
}

/**
 * Counts the starts of work whose caller suspects that it has crashed this process before: the connection was lost, or the caller
 * crashed with it. The first start costs nothing; each further one is committed to `ramet_starts` before the work begins. After
 * {@link STARTS_MAX} starts the work is refused, once: if the caller repeats it after that, an operator has decided so.
 */
export class StartGuard {
  readonly #store: Store;
  readonly #log: EventLog;
  readonly #suspects: Suspects;

  constructor(platform: Platform, store: Store, log: EventLog) {
    this.#store = store;
    this.#log = log;
    this.#suspects = new Suspects(platform);
  }

  /** Runs the work. @throws RametError GivenUp after too many starts; StepPending when it is too early for the next one */
  async run(started: Started, work: () => Promise<Reply>): Promise<Reply> {
    const { key } = started;
    const row = await this.#store.reader.get<{ starts: number }>('select starts from ramet_starts where key = ?', key);
    if (row === undefined) return this.#counted(started, work);
    const earlyMs = this.#suspects.earlyMs(Number(row.starts));
    if (earlyMs > 0)
      throw new RametError('StepPending', 'the work crashed its process before, and starts again later', { retryAfterMs: earlyMs });
    const release = await this.#suspects.turn();
    try {
      if (started.cancellation.signal.aborted) throw new RametError('Cancelled', undefined, { executed: 'no' });
      return await this.#counted(started, work);
    } finally {
      release();
    }
  }

  async #counted(started: Started, work: () => Promise<Reply>): Promise<Reply> {
    await this.#count(started);
    try {
      return await work();
    } finally {
      // The start has ended, with an answer or an error.
      await this.#store.write((tx) => tx.defer('delete from ramet_starts where key = ?', started.key), { name: 'a start has ended' });
    }
  }

  async #count({ operation, key }: Started): Promise<void> {
    const refused = await this.#store.write(
      async (tx) => {
        const row = await tx.get<{ starts: number }>(
          `insert into ramet_starts (key, operation, starts, at) values (?, ?, 2, ramet_now())
           on conflict (key) do update set starts = ramet_starts.starts + 1, at = ramet_now() returning starts`,
          key,
          operation,
        );
        if (!isGivenUp(Number(row?.starts) - 1)) return false;
        tx.defer('delete from ramet_starts where key = ?', key);
        return true;
      },
      { name: `${operation} is started again` },
    );
    if (!refused) return;
    this.#log.event('operation_given_up', { operation, key, starts: STARTS_MAX });
    throw new RametError(
      'GivenUp',
      `${operation} crashed its process during each of ${STARTS_MAX} starts; correct the cause, then repeat it`,
    );
  }
}

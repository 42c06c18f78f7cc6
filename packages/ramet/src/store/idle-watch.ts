import { RametError } from '../errors/index.ts';
import type { Timer } from '../platform/index.ts';
import type { StoreEnvironment } from './factory.ts';

const WARN_MS = 100;
const ABORT_MS = 1_000;

/** What a handler does. It idles if the count of its statements does not change while nothing is executed. */
export interface Activity {
  readonly statements: number;
  readonly executing: boolean;
}

interface Watched {
  readonly name: string;
  readonly activity: () => Activity;
  readonly reject: (error: unknown) => void;
  /** The count at the last look. */
  seen: number;
  idleMs: number;
}

/** Ends the transactions of handlers that wait for something else in them. One timer checks all transactions under way. */
export class IdleWatch {
  readonly #environment: StoreEnvironment;
  readonly #waiting: string;
  readonly #watched = new Set<Watched>();
  #timer: Timer | undefined;

  /** @param waiting what waits meanwhile, as a part of the warning */
  constructor(environment: StoreEnvironment, waiting: string) {
    this.#environment = environment;
    this.#waiting = waiting;
  }

  /** Returns the result of `ended`. @throws RametError TransactionIdle when the handler idles for too long before that */
  during<R>(ended: Promise<R>, name: string, activity: () => Activity): Promise<R> {
    return new Promise((resolve, reject) => {
      const watched: Watched = { name, activity, reject, seen: -1, idleMs: 0 };
      this.#watched.add(watched);
      this.#watch();
      ended.then(
        (value) => {
          this.#watched.delete(watched);
          resolve(value);
        },
        (error: unknown) => {
          this.#watched.delete(watched);
          reject(error);
        },
      );
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #watch(): void {
    this.#timer ??= this.#environment.platform.timers.set(WARN_MS, () => {
      this.#timer = undefined;
      for (const watched of this.#watched) this.#look(watched);
      if (this.#watched.size > 0) this.#watch();
    });
  }

  #look(watched: Watched): void {
    const { statements, executing } = watched.activity();
    watched.idleMs = executing || statements !== watched.seen ? 0 : watched.idleMs + WARN_MS;
    watched.seen = statements;
    const { name: handler, idleMs } = watched;
    if (idleMs === WARN_MS) this.#environment.onWarning('transaction_idle', { handler, idleMs, waiting: this.#waiting });
    if (idleMs < ABORT_MS) return;
    this.#watched.delete(watched);
    watched.reject(new RametError('TransactionIdle', `'${handler}' held the transaction for ${ABORT_MS} ms without using it`));
  }
}

import { type Instrument, NO_SPAN, type Note } from '../telemetry/index.ts';

const WINDOW_MS = 10_000;
const SHARE = 0.2;
const FLOOR = 100;

interface AttemptTimes {
  readonly all: number[];
  readonly retries: number[];
}

/**
 * Listens to the calls between processes and reports broken promises: no more retries within ten seconds than the budget allows (INV-21),
 * and one probe at a time of a half-open breaker (INV-23).
 */
export class CallChecks {
  readonly #now: () => number;
  readonly #broken: (id: string, detail: string) => void;
  readonly #sometimes: (what: string) => void;
  readonly #attempts = new Map<string, AttemptTimes>();

  constructor(now: () => number, broken: (id: string, detail: string) => void, sometimes: (what: string) => void) {
    this.#now = now;
    this.#broken = broken;
    this.#sometimes = sometimes;
  }

  /** Listens to the calls of one process. @param caller its incarnation: budgets do not survive it */
  instrument(caller: string): Instrument {
    return {
      spans: false,
      begin: ({ kind, labels }) => {
        if (kind === 'attempt') this.#of(`${caller} ${labels['edge']}`).all.push(this.#now());
        return NO_SPAN;
      },
      note: (note) => this.#noted(caller, note),
    };
  }

  #noted(caller: string, note: Note): void {
    if (note.what === 'retry') this.#retry(`${caller} ${note.edge}`);
    if (note.what === 'probe') {
      this.#sometimes('a half-open breaker allowed a probe');
      if (note.inFlight > 1) this.#broken('INV-23', `${caller}, ${note.edge}: ${note.inFlight} probes of '${note.operation}' at once`);
    }
    if (note.what === 'circuit' && note.to === 'open')
      this.#sometimes(note.from === 'half-open' ? 'a half-open breaker failed again' : 'a breaker opened');
    if (note.what === 'circuit' && note.to === 'closed') this.#sometimes('a breaker closed again');
    if (note.what === 'budget empty') this.#sometimes('a budget for retries was empty');
    if (note.what === 'expired in queue') this.#sometimes('a deadline passed in a queue');
  }

  #of(edge: string): AttemptTimes {
    const known: AttemptTimes = this.#attempts.get(edge) ?? { all: [], retries: [] };
    this.#attempts.set(edge, known);
    return known;
  }

  /** A retry is noted before its attempt begins. */
  #retry(edge: string): void {
    const { all, retries } = this.#of(edge);
    const now = this.#now();
    const recent = (moments: readonly number[]) => moments.filter((at) => at > now - WINDOW_MS).length;
    const firsts = recent(all) - recent(retries);
    retries.push(now);
    const allowed = SHARE * firsts + FLOOR;
    if (recent(retries) > allowed)
      this.#broken('INV-21', `${edge}: ${recent(retries)} retries within ten seconds, and the budget allows ${Math.floor(allowed)}`);
  }
}

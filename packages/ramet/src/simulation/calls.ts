import type { CallWatcher } from '../rpc/index.ts';

const WINDOW_MS = 10_000;
const SHARE = 0.2;
const FLOOR = 100;

interface Attempts {
  readonly firsts: number[];
  readonly retries: number[];
}

/**
 * Watches how processes call each other, and says when a promise about calls is broken: no more retries within ten seconds
 * than the budget allows (INV-21), and one probe at a time of a half-open breaker (INV-23).
 */
export class CallChecks {
  readonly #now: () => number;
  readonly #broken: (id: string, detail: string) => void;
  readonly #sometimes: (what: string) => void;
  readonly #attempts = new Map<string, Attempts>();

  constructor(now: () => number, broken: (id: string, detail: string) => void, sometimes: (what: string) => void) {
    this.#now = now;
    this.#broken = broken;
    this.#sometimes = sometimes;
  }

  /** What one process shows of its calls. @param caller its incarnation: budgets do not survive it */
  watch(caller: string): CallWatcher {
    return {
      attempt: (edge, target, _operation, attempt) => this.#attempt(`${caller} ${edge}>${target}`, attempt),
      probe: (edge, operation, inFlight) => {
        this.#sometimes('a half-open breaker let a probe through');
        if (inFlight > 1) this.#broken('INV-23', `${caller}, ${edge}: ${inFlight} probes of '${operation}' at once`);
      },
      breaker: (_edge, _operation, from, to) => {
        if (to === 'open') this.#sometimes(from === 'half-open' ? 'a half-open breaker failed again' : 'a breaker opened');
        if (to === 'closed') this.#sometimes('a breaker closed again');
      },
      budgetEmpty: () => this.#sometimes('a budget for retries was empty'),
      expiredInQueue: () => this.#sometimes('a deadline passed in a queue'),
    };
  }

  #attempt(edge: string, attempt: number): void {
    const known: Attempts = this.#attempts.get(edge) ?? { firsts: [], retries: [] };
    this.#attempts.set(edge, known);
    const now = this.#now();
    (attempt === 1 ? known.firsts : known.retries).push(now);
    if (attempt === 1) return;
    const recent = (moments: readonly number[]) => moments.filter((at) => at > now - WINDOW_MS).length;
    const allowed = SHARE * recent(known.firsts) + FLOOR;
    if (recent(known.retries) > allowed)
      this.#broken('INV-21', `${edge}: ${recent(known.retries)} retries within ten seconds, and the budget allows ${Math.floor(allowed)}`);
  }
}

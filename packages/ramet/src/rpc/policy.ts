import { RametError } from '../errors/index.ts';
import { type Duration, durationMs, SECOND } from '../platform/index.ts';

/** How a service calls another one: named in `use()` and `external()`, with defaults for what is left out. */
export interface Policy {
  /** How long one call may take (default 5s). The caller's own deadline shortens it. */
  readonly timeout?: Duration;
  /** How often a call that is safe to repeat is tried again (default 2). */
  readonly retries?: number;
  /** How many calls to this dependency may be under way at once (default 100). One as many again may wait. */
  readonly bulkhead?: number;
}

export interface CompiledPolicy {
  readonly timeoutMs: number;
  readonly retries: number;
  readonly bulkhead: number;
}

export const DEFAULT_POLICY: CompiledPolicy = { timeoutMs: 5 * SECOND, retries: 2, bulkhead: 100 };
/** Between attempts: full jitter, doubling from the base. */
export const RETRY_BACKOFF = { baseMs: 50, capMs: 2 * SECOND };

/** Fills in the defaults. @returns the policy and what is wrong with it */
export function compilePolicy(policy: Policy): { policy: CompiledPolicy; problems: string[] } {
  const problems: string[] = [];
  let timeoutMs = DEFAULT_POLICY.timeoutMs;
  if (policy.timeout !== undefined) {
    try {
      timeoutMs = durationMs(policy.timeout);
    } catch (error) {
      problems.push(`timeout: ${(error as Error).message}`);
    }
  }
  const count = (name: 'retries' | 'bulkhead', least: number): number => {
    const value = policy[name] ?? DEFAULT_POLICY[name];
    if (!Number.isInteger(value) || value < least) problems.push(`${name}: ${value} is not a whole number from ${least}`);
    return value;
  };
  return { policy: { timeoutMs, retries: count('retries', 0), bulkhead: count('bulkhead', 1) }, problems };
}

/**
 * Limits the calls of one edge (one caller, one target), so that a slow target cannot take everything. As many as the limit
 * may wait; each waits no longer than its own deadline.
 */
export class Bulkhead {
  readonly #limit: number;
  readonly #waiting: (() => void)[] = [];
  #busy = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get busy(): number {
    return this.#busy;
  }

  /** Takes a place at once if there is one: the way that costs nothing. */
  tryEnter(): boolean {
    if (this.#busy >= this.#limit) return false;
    this.#busy++;
    return true;
  }

  /** Waits for a place. `onCancel` registers what gives the wait up. @throws RametError BulkheadFull */
  async enter(target: string, onCancel: (giveUp: (error: RametError) => void) => void): Promise<void> {
    if (this.tryEnter()) return;
    if (this.#waiting.length >= this.#limit)
      throw new RametError('BulkheadFull', `${this.#busy} calls to ${target} are under way and ${this.#waiting.length} wait`);
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push(resolve);
      onCancel((error) => {
        const place = this.#waiting.indexOf(resolve);
        if (place < 0) return;
        this.#waiting.splice(place, 1);
        reject(error);
      });
    });
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#busy--;
  }
}

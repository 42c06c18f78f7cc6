import { DeclaredError, RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { Reply } from '../../rpc/index.ts';
import type { CompiledEffect } from './compiled-effect.ts';

/** What came of an effect, and is not written down yet. */
export type Known = { readonly outcome: unknown } | { readonly refusal: DeclaredError };

/** An effect in the hands of this process. */
export class Drive {
  /** Told of the end. Whoever leaves takes himself off the list: a drive may go on for days. */
  readonly #waiting = new Set<(reply: Reply) => void>();
  readonly #failed = new Set<(error: unknown) => void>();
  readonly done: Promise<Reply>;
  #reply: Reply | undefined;
  #known: Known | undefined;
  /** The last attempt that was made here, and when it ended. */
  ended: { readonly attempt: number; readonly atMono: number } | undefined;
  /** Attempts that failed; counted anew once it is known what is to be written down. */
  failures = 0;
  /** It was told that the effect waits. */
  queued = false;
  /** Lets the next suspect begin, where this effect is one; harmless to call again. */
  release: () => void = () => {};

  constructor(carry: (drive: Drive) => Promise<Reply>) {
    this.done = carry(this).then((reply) => {
      this.#reply = reply;
      for (const told of this.#waiting) told(reply);
      return reply;
    });
  }

  get known(): Known | undefined {
    return this.#known;
  }

  set known(known: Known | undefined) {
    this.#known = known;
    this.failures = 0;
  }

  /** An attempt has failed. */
  fail(error: unknown): void {
    this.failures++;
    for (const told of this.#failed) told(error);
  }

  /** The reply, or undefined after `forMs`. @param onFailure what to reply when an attempt fails before */
  wait(platform: Platform, forMs: number, onFailure?: (error: unknown) => Reply): Promise<Reply | undefined> {
    if (this.#reply) return Promise.resolve(this.#reply);
    return new Promise((resolve) => {
      const leave = (reply: Reply | undefined) => {
        timer.cancel();
        this.#waiting.delete(leave);
        this.#failed.delete(failed);
        resolve(reply);
      };
      const failed = (error: unknown) => onFailure && leave(onFailure(error));
      const timer = platform.timers.set(forMs, () => leave(undefined));
      this.#waiting.add(leave);
      this.#failed.add(failed);
    });
  }
}

/**
 * What the other system says. Only it can refuse, and only in words that the contract has; an outcome that does not fit
 * is as good as none.
 */
export async function learn(
  { compiled, outcome: codec }: CompiledEffect,
  ask: () => Promise<unknown>,
  how: 'performed' | 'looked up',
): Promise<{ known: Known | undefined } | { error: unknown }> {
  try {
    const outcome = await ask();
    if (how === 'looked up' && outcome === undefined) return { known: undefined };
    const decoded = codec.decode(outcome);
    if (decoded.ok) return { known: { outcome: decoded.value } };
    return {
      error: new RametError('InvalidOutput', `the outcome of ${compiled.fullName} does not fit its schema`, { issues: decoded.issues }),
    };
  } catch (error) {
    if (error instanceof DeclaredError && compiled.errors.has(error.error)) return { known: { refusal: error } };
    return { error };
  }
}

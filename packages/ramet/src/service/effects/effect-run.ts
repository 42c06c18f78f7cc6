import { DeclaredError, RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import { type Reply, replyOutcome } from '../../rpc/index.ts';
import type { Instrument, Span, Work } from '../../telemetry/index.ts';
import type { EffectRow } from '../fences/effect-rows.ts';
import type { CompiledEffect } from './compiled-effect.ts';

/** The outcome of an effect that is known, but not written yet. */
export type Known = { readonly outcome: unknown } | { readonly refusal: DeclaredError };

/** An effect that this process works on. */
export class EffectRun {
  /** Called at the end. A caller that stops waiting removes its listener: a run may last for days. */
  readonly #onEnd = new Set<(reply: Reply) => void>();
  readonly #onFailure = new Set<(error: unknown) => void>();
  readonly done: Promise<Reply>;
  #reply: Reply | undefined;
  #known: Known | undefined;
  /** The last attempt that this process made, and when it ended. */
  ended: { readonly attempt: number; readonly atMono: number } | undefined;
  /** Failed attempts; counted from zero again once the outcome is known and remains to be written. */
  failures = 0;
  /** From when this process works on the effect until its outcome is written. */
  #span: Span | undefined;
  /** Whether `queued` of the effect was called. */
  queued = false;
  /** Lets the next suspect start, if this effect is one; a second call does nothing. */
  release: () => void = () => {};

  constructor(work: (run: EffectRun) => Promise<Reply>) {
    this.done = work(this).then((reply) => {
      this.#reply = reply;
      this.#span?.end(replyOutcome(reply), reply.ok ? undefined : reply);
      for (const onEnd of this.#onEnd) onEnd(reply);
      return reply;
    });
  }

  /** Returns the effect as what it causes sees it: with the work of this process as the parent. */
  within(row: EffectRow, instrument: Instrument, work: Work): EffectRow {
    this.#span ??= instrument.begin(work, row.origin.trace, row.key);
    const trace = this.#span.under(row.origin.trace);
    return trace === row.origin.trace ? row : { ...row, origin: { ...row.origin, trace } };
  }

  get known(): Known | undefined {
    return this.#known;
  }

  set known(known: Known | undefined) {
    this.#known = known;
    this.failures = 0;
  }

  /** Counts an attempt that failed. */
  fail(error: unknown): void {
    this.failures++;
    for (const onFailure of this.#onFailure) onFailure(error);
  }

  /** Waits for the reply; undefined after `forMs`. @param onFailure makes the reply when an attempt fails first */
  wait(platform: Platform, forMs: number, onFailure?: (error: unknown) => Reply): Promise<Reply | undefined> {
    if (this.#reply) return Promise.resolve(this.#reply);
    return new Promise((resolve) => {
      const leave = (reply: Reply | undefined) => {
        timer.cancel();
        this.#onEnd.delete(leave);
        this.#onFailure.delete(failed);
        resolve(reply);
      };
      const failed = (error: unknown) => onFailure && leave(onFailure(error));
      const timer = platform.timers.set(forMs, () => leave(undefined));
      this.#onEnd.add(leave);
      this.#onFailure.add(failed);
    });
  }
}

/**
 * Asks the other system for the outcome. Only the other system can refuse, and only with a failure of the contract; an outcome
 * that does not fit its schema is an error.
 * @returns `known: undefined` when a look-up found nothing
 */
export async function outcomeOf(
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

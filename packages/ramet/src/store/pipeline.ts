import type { Tx } from './store.ts';

/**
 * Why pieces of work could not be pipelined, and nothing of the transaction can be kept: a piece has failed; or one issued more than one
 * statement although later ones had issued theirs, waited for something else, or used savepoints, so that it has to run alone.
 */
export type NotPipelined = { readonly failed: number; readonly error: unknown } | { readonly interleaved: number };

/**
 * Runs pieces of work as if each began when the one before had ended. A piece begins when the one before has issued its first statement,
 * which it does at once, and these statements are sent together.
 * @returns undefined when all are done
 */
export type Pipeline = (pieces: readonly ((tx: Tx) => Promise<void>)[]) => Promise<NotPipelined | undefined>;

/** The pipeline of a transaction; undefined where the store does not send statements over a network. */
export const pipelineOf = (tx: Tx): Pipeline | undefined => (tx as { readonly pipeline?: Pipeline }).pipeline;

import { type Backoff, MINUTE } from '../platform/index.ts';

/** So often work may be started without ever ending, because its process ended first; then it is given up. The same for all kinds of work. */
export const STARTS_MAX = 8;

/**
 * How long work waits after a start that never ended. It grows, so that a process under something else that kills it is not
 * held against work that merely begins as soon as the process does.
 */
const CRASH_BACKOFF: Backoff = { baseMs: 250, capMs: MINUTE };

/**
 * How long after the begin of a process work is started during which processes have ended so often: not at all after a first
 * time, which says little, and then longer each time.
 */
export const suspectWaitMs = (ended: number): number =>
  ended < 2 ? 0 : Math.min(CRASH_BACKOFF.capMs, CRASH_BACKOFF.baseMs * 2 ** (ended - 2));

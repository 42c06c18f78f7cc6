import { MINUTE, SECOND } from './duration.ts';

/** How long a saga, an effect, a partition or a relay belongs to a process after the last sign of life of that process. */
export const LEASE_MS = 15 * SECOND;

/** How long one attempt at due work, an event or a schedule belongs to the process that began it, where processes share a store. */
export const ATTEMPT_LEASE_MS = MINUTE;

import { PermanentError, RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';

/** What is kept of an error that a handler threw. */
export interface HandlerFailure {
  readonly message: string;
  /** Where it was thrown, and what caused it; empty where no code threw. */
  readonly stack: string;
  readonly stackHash: string;
  /** Whether another attempt cannot end differently. */
  readonly permanent: boolean;
  readonly code: string;
}

/** Codes of errors after which another attempt cannot end differently. */
const PERMANENT = new Set(['PermanentFailure', 'UnknownEvent', 'BadRequest']);
/** Codes of errors that say nothing about the event: the store failed, or the partition belongs to another process. */
const NOT_ITS_FAULT = new Set(['StoreUnavailable', 'ShuttingDown', 'ClaimLost']);

const MESSAGE_MAX = 2_000;
const STACK_MAX = 8_000;
/** How many causes of an error are kept with its stack. */
const CAUSES_MAX = 3;

/** The failure of an event that may be a repetition and that the inbox may have forgotten: handled again, it could take effect twice. */
export const BEYOND_HORIZON: HandlerFailure = {
  message: 'it may have been handled already, longer ago than the inbox remembers; replay it if it was not',
  stack: '',
  stackHash: '',
  permanent: true,
  code: 'DEDUP_HORIZON',
};

/** Whether the error says nothing about the event, so that no attempt is spent on it. */
export const isNotItsFault = (error: unknown): boolean => error instanceof RametError && NOT_ITS_FAULT.has(error.code);

/** The error of an event during which the process has ended so many times. */
export const endedTheProcess = (times: number): PermanentError =>
  new PermanentError(`the process ended ${times} times while it handled this event`);

/** Keeps of an error enough to recognise, to group and to find it, and at most 10,000 characters. */
export function failureOf(error: unknown, platform: Platform): HandlerFailure {
  const known = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof RametError ? error.code : known.name;
  const where = (known.stack ?? '').split('\n').slice(1, 4).join('\n');
  return {
    message: `${known.name}: ${known.message}`.slice(0, MESSAGE_MAX),
    stack: stackOf(known, CAUSES_MAX).slice(0, STACK_MAX),
    stackHash: platform.crypto.sha256(`${known.name}\n${where}`).slice(0, 16),
    permanent: error instanceof RametError && PERMANENT.has(code),
    code,
  };
}

function stackOf(error: Error, causes: number): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return causes > 0 && error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause, causes - 1)}` : own;
}

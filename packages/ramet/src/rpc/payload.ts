import { RametError } from '../errors/index.ts';
import type { JsonError } from '../platform/index.ts';
import { type Fault, fault, type Target } from './call.ts';

/** What each answer of a stream takes of its reader's window in addition to its text: many tiny ones take memory too. */
export const ITEM_COST = 64;

/** The fault of a call whose input is not sent, or not taken. */
export const notSent = (target: Target, error: JsonError | string): Fault =>
  fault(
    new RametError('BadRequest', `the input of ${target.service}.${target.operation} cannot be sent: ${messageOf(error)}`, {
      executed: 'no',
    }),
  );

/** The fault of a call that was answered with what cannot travel. */
export const notAnswered = (what: string, error: JsonError | string): Fault =>
  fault(new RametError('InvalidOutput', `the answer of ${what} cannot be sent: ${messageOf(error)}`));

export const tooLarge = (what: string, limitBytes: number, executed: Fault['executed']): Fault =>
  fault(new RametError('PayloadTooLarge', `${what} is larger than ${limitBytes} bytes`, { executed }));

const messageOf = (error: JsonError | string): string => (typeof error === 'string' ? error : error.message);

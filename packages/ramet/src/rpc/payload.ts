import { RametError } from '../errors/index.ts';
import type { JsonError } from '../platform/index.ts';
import { type Fault, fault, type Target } from './call.ts';

/** What each answer of a stream takes of the window of its reader, in addition to its text: many tiny answers need memory too. */
export const ITEM_COST = 64;

/** Makes the fault of a call whose input cannot be sent, or is not accepted. */
export const notSent = (target: Target, error: JsonError | string): Fault =>
  fault(
    new RametError('BadRequest', `the input of ${target.service}.${target.operation} cannot be sent: ${messageOf(error)}`, {
      executed: 'no',
    }),
  );

/** Makes the fault of a call whose answer cannot be sent. */
export const notAnswered = (what: string, error: JsonError | string): Fault =>
  fault(new RametError('InvalidOutput', `the answer of ${what} cannot be sent: ${messageOf(error)}`));

/** Makes the fault of a text that is too large. */
export const tooLarge = (what: string, limitBytes: number, executed: Fault['executed']): Fault =>
  fault(new RametError('PayloadTooLarge', `${what} is larger than ${limitBytes} bytes`, { executed }));

const messageOf = (error: JsonError | string): string => (typeof error === 'string' ? error : error.message);

/** `ramet new` is the same command under another name. */
export { create, thisTerminal } from './command.ts';

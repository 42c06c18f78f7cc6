export { type MuxOptions, mux } from './mux.ts';
export type { MuxTls } from './sockets.ts';
export type { MuxLimits } from './wire.ts';

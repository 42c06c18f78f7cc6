import { PAYLOAD_BYTES } from '../call.ts';
import { OUTCOME } from '../messages.ts';

/** The wire format of mux, version 1: docs/mux.md describes it for people. */

/** Every connection begins with these bytes, in both directions: what answers with others is no peer. */
export const MAGIC: Uint8Array = new TextEncoder().encode('RAMETMUX');

/** The versions that this code speaks. Both sides use the highest that both know; without one they part. */
export const VERSIONS = { least: 1, most: 1 } as const;

/** Length (u32), type (u8), flags (u8), id (u32), big-endian. The length counts what follows it. */
export const HEADER_BYTES = 10;
export const LENGTH_BYTES = 4;

export const FRAME = {
  hello: 1,
  call: 2,
  stream: 3,
  reply: 4,
  item: 5,
  end: 6,
  credit: 7,
  cancel: 8,
  goaway: 9,
  heard: 10,
  ping: 11,
  pong: 12,
  token: 13,
} as const;

/** Types from here on are extensions: who does not know one passes over it. One below that is not known ends the connection. */
export const OPTIONAL_FRAMES = 0x80;

/** Flags of a reply, and of the end of a stream: what its body is. */
export const BODY = { ...OUTCOME, nothing: 3 } as const;

/** Flag of a goaway: nothing that arrives after the call with its id is begun, and the connection ends. */
export const FINAL = 1;

/** How many tokens a connection remembers by number. */
export const TOKEN_SLOTS = 1_024;
/** What stands before the text of a call: the number of its token. */
export const SLOT_BYTES = 2;

export interface MuxLimits {
  /** Of the text of one frame: a call with its metadata, a reply, an answer of a stream. */
  readonly payloadBytes: number;
  /** Answers of one stream that its reader has not taken, in bytes. */
  readonly windowBytes: number;
  /** Calls and streams of one connection under way. */
  readonly callsPerConnection: number;
  readonly streamsPerConnection: number;
  /** What waits to be written on one connection: beyond it a client refuses calls, and a server reads no more of them. */
  readonly unsentBytes: number;
  readonly connections: number;
}

export const LIMITS: MuxLimits = {
  payloadBytes: PAYLOAD_BYTES,
  windowBytes: 256 * 1024,
  callsPerConnection: 10_000,
  streamsPerConnection: 1_000,
  unsentBytes: 16 * 1024 * 1024,
  connections: 1_000,
};

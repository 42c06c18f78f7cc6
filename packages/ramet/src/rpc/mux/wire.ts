import { PAYLOAD_BYTES } from '../call.ts';
import { OUTCOME } from '../messages.ts';

/** The wire format of mux, version 1. docs/mux.md describes it. */

/** Every connection begins with these bytes, in both directions. A side that sends others does not speak mux. */
export const MAGIC: Uint8Array = new TextEncoder().encode('RAMETMUX');

/** The versions that this code speaks. Both sides use the highest common version; without one they disconnect. */
export const VERSIONS = { least: 1, most: 1 } as const;

/** Length (u32), type (u8), flags (u8), id (u32), big-endian. The length counts what follows it. */
export const HEADER_BYTES = 10;
/** The size of the length, which it does not count. */
export const LENGTH_BYTES = 4;

/** The types of frames. */
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

/** Types from here on are extensions: an unknown one is ignored. An unknown type below ends the connection. */
export const OPTIONAL_FRAMES = 0x80;

/** Flags of a reply and of the end of a stream: the kind of its body. */
export const BODY = { ...OUTCOME, nothing: 3 } as const;

/** Flag of a goaway: no call after the one with its id is begun, and the connection ends. */
export const FINAL = 1;

/** How many tokens a connection remembers. */
export const TOKEN_SLOTS = 1_024;
/** The size of the number of the token, which precedes the text of a call. */
export const SLOT_BYTES = 2;

/** Limits of mux, as its options set them. */
export interface MuxLimits {
  /** The maximum text of one frame: a call with its metadata, a reply, an answer of a stream. */
  readonly payloadBytes: number;
  /** The unread answers of one stream, in bytes. */
  readonly windowBytes: number;
  /** The calls and streams of one connection under way. */
  readonly callsPerConnection: number;
  readonly streamsPerConnection: number;
  /** The unwritten bytes of one connection. Beyond it a client refuses calls, and a server reads no more of them. */
  readonly unsentBytes: number;
  readonly connections: number;
}

/** The limits without options. */
export const LIMITS: MuxLimits = {
  payloadBytes: PAYLOAD_BYTES,
  windowBytes: 256 * 1024,
  callsPerConnection: 10_000,
  streamsPerConnection: 1_000,
  unsentBytes: 16 * 1024 * 1024,
  connections: 1_000,
};

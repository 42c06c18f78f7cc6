import { SECOND } from '../../platform/index.ts';
import type { RateDecision } from '../limits/rate-limit.ts';

/** Reads an idempotency key: 1 to 255 visible ASCII characters, including quotes if the client writes them. Undefined for any other text. */
export function idempotencyKey(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x21-\x7e]{1,255}$/.test(text) ? text : undefined;
}

const LONGEST_WAIT_SECONDS = 60;

/**
 * Reads how long a client prefers to wait for the outcome instead of getting 202 at once: `Prefer: wait=3` (RFC 7240).
 * @param prefer the header, its values joined with commas; the first `wait` counts
 * @returns milliseconds, from whole seconds between 0 and 60; undefined, as without the header, for anything else
 */
export function preferredWaitMs(prefer: string | undefined): number | undefined {
  for (const preference of prefer?.split(',') ?? []) {
    const [name, value] = preference.split(';', 1)[0]?.split('=', 2) ?? [];
    if (name?.trim().toLowerCase() !== 'wait') continue;
    const digits = /^(?:(\d{1,2})|"(\d{1,2})")$/.exec(value?.trim() ?? '');
    const seconds = Number(digits?.[1] ?? digits?.[2] ?? Number.NaN);
    return seconds <= LONGEST_WAIT_SECONDS ? seconds * SECOND : undefined;
  }
  return undefined;
}

/** The token of a request, or why it has none. */
export type BearerToken =
  | { readonly kind: 'missing' }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'token'; readonly token: string };

const LONGEST_TOKEN = 8 * 1024;

/**
 * Reads the token in `Authorization` (RFC 6750). `missing` and `malformed` get different answers: a client without a token must log in,
 * and a client with a malformed one must repair it. A scheme other than `Bearer` is malformed.
 * @param authorization the header; a token has at most 8 kB
 */
export function bearerToken(authorization: string | undefined): BearerToken {
  if (authorization === undefined || authorization.trim() === '') return { kind: 'missing' };
  if (authorization.length > LONGEST_TOKEN + 'Bearer '.length) return { kind: 'malformed' };
  const token = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(authorization)?.[1];
  return token === undefined ? { kind: 'malformed' } : { kind: 'token', token };
}

/** Makes the headers that tell a client its limit, the rest of it, and the seconds until it is whole, by their usual names. */
export function rateLimitHeaders({ limit, remaining, resetMs }: RateDecision): Record<string, string> {
  return {
    'ratelimit-limit': String(limit),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(Math.ceil(resetMs / SECOND)),
  };
}

import { createHash } from 'node:crypto';
import { peer, RametError } from '../../../errors/index.ts';
import { type Platform, type Source, sourced, type Timer } from '../../../platform/index.ts';
import type { LimitCounter, LimitStore, LimitStoreCapabilities, LimitStoreEnvironment, LimitStoreFactory } from '../limit-store.ts';
import { decisionOf, type Rate, type RateDecision, TOLERANCE } from '../rate-limit.ts';
import { GCRA } from './gcra.ts';

const { createClient } = await peer('redis', 'ramet/limits/redis', () => import('redis'));

/** Options of {@link redis}. */
export interface RedisLimitsOptions {
  /** The prefix of every key (default `ramet:limits:`). Systems that share a Redis need different prefixes. */
  readonly prefix?: string;
}

const capabilities: LimitStoreCapabilities = { name: 'redis', shared: true, survivesRestart: true };
const CONNECT_TIMEOUT_MS = 1_000;
const RECONNECT_MAX_MS = 2_000;
/** A connection without an answer for this long is dropped. In between, pings check that the server still answers. */
const SILENCE_MAX_MS = 5_000;
const PING_MS = 2_000;
const WAITING_MAX = 10_000;
const HASH_LENGTH = 32;
const SHA1 = createHash('sha1').update(GCRA).digest('hex');

/**
 * Counts limits in a Redis (7 or later, or Valkey), for all replicas together: one script for each request, by the clock of the
 * server. Keys are hashed, because they hold addresses and names of people, and expire when their limit is whole again.
 * @param url `redis://…` or `rediss://…`: a text, a secret, or a function, which is called until it succeeds
 * @throws RangeError (from `create`) when the URL is not a Redis address
 * @example
 * limits: redis('redis://localhost:6379')
 */
export function redis(url: Source, { prefix = 'ramet:limits:' }: RedisLimitsOptions = {}): LimitStoreFactory {
  return { capabilities, create: (environment) => redisStore(environment, url, prefix) };
}

type Client = ReturnType<typeof createClient>;

function redisStore({ platform, onError }: LimitStoreEnvironment, source: Source, prefix: string): LimitStore {
  let away = false;
  let closed = false;
  let client: Client | undefined;
  let again: Timer | undefined;
  const failed = (error: unknown) => {
    if (!away && !closed) onError(error, { limits: 'redis' });
    away = true;
  };
  const open = (url: string) => {
    checkAddress(url);
    client = clientOf(platform, url);
    client.on('ready', () => {
      away = false;
    });
    client.on('error', failed);
    // The client keeps trying; the listener above reports its errors.
    client.connect().catch(() => {});
  };
  const find = async () => {
    try {
      const url = await sourced(source);
      if (!closed) open(url);
    } catch (error) {
      failed(error);
      if (!closed) again = platform.timers.set(RECONNECT_MAX_MS, () => void find());
    }
  };
  if (typeof source === 'function') void find();
  else open(typeof source === 'string' ? source : source.reveal());
  const connected = (): Client => {
    if (!client) throw new RametError('Unavailable', 'The address of the Redis of the limits is not known yet');
    return client;
  };
  return {
    capabilities,
    counter: (bucket, rate) => counterOf(connected, platform, `${prefix}${bucket}:${rate.count}/${rate.windowMs}:`, rate),
    async close() {
      if (closed) return;
      closed = true;
      again?.cancel();
      client?.destroy();
    },
  };
}

function clientOf(platform: Platform, url: string): Client {
  return createClient({
    url,
    name: 'ramet-limits',
    // Without a connection, commands must fail at once: a request waits for them.
    disableOfflineQueue: true,
    commandsQueueMaxLength: WAITING_MAX,
    pingInterval: PING_MS,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_MAX_MS,
      reconnectStrategy: (retries) => Math.min(RECONNECT_MAX_MS, 50 * 2 ** Math.min(retries, 10)) * (0.5 + platform.random.next() / 2),
    },
  });
}

function counterOf(client: () => Client, { crypto }: Platform, prefix: string, rate: Rate): LimitCounter {
  const rest = [String(rate.count), String(rate.windowMs), String(TOLERANCE)];
  return {
    async take(key): Promise<RateDecision> {
      const args = ['1', `${prefix}${crypto.sha256(key).slice(0, HASH_LENGTH)}`, ...rest];
      const [allowed, used] = (await run(client(), args)) as unknown as [number, string];
      return decisionOf(rate, Number(used), allowed === 1);
    },
  };
}

/** The server forgets scripts when it restarts; the script is then sent again. */
async function run(client: Client, args: string[]): Promise<unknown> {
  try {
    return await client.sendCommand(['EVALSHA', SHA1, ...args]);
  } catch (error) {
    if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
    return client.sendCommand(['EVAL', GCRA, ...args]);
  }
}

/** @throws RangeError whose text does not hold the address, because a password may be part of it */
function checkAddress(url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol !== 'redis:' && protocol !== 'rediss:')
    throw new RangeError("redis(): the address cannot be used; write 'redis://host:6379', or 'rediss://…' for TLS");
}

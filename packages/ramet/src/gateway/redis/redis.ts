import { createHash } from 'node:crypto';
import { createClient } from 'redis';
import type { Platform } from '../../platform/index.ts';
import type { LimitCounter, LimitStore, LimitStoreCapabilities, LimitStoreEnvironment, LimitStoreFactory } from '../limit-store.ts';
import { decisionOf, type Rate, type RateDecision, TOLERANCE } from '../rate-limit.ts';
import { GCRA } from './gcra.ts';

export interface RedisLimitsOptions {
  /** Stands before every key (default `ramet:limits:`): shops that share a Redis count apart. */
  readonly prefix?: string;
}

const CAPABILITIES: LimitStoreCapabilities = { name: 'redis', shared: true, survivesRestart: true };
const CONNECT_TIMEOUT_MS = 1_000;
const RECONNECT_MAX_MS = 2_000;
/** A connection on which nothing comes back for so long is given up; in between it is asked whether it still lives. */
const SILENCE_MAX_MS = 5_000;
const PING_MS = 2_000;
const WAITING_MAX = 10_000;
const HASH_LENGTH = 32;
const SHA1 = createHash('sha1').update(GCRA).digest('hex');

/**
 * Counts limits in a Redis (7 or later, or Valkey), for all replicas together: one script for each request, in the time of the
 * server. Keys are hashed, because they hold addresses and names of people, and go when their limit is whole again.
 * @param url `redis://…` or `rediss://…`, or a secret that holds one
 * @throws RangeError (from `create`) when that is no such address
 */
export function redis(url: string | { reveal(): string }, { prefix = 'ramet:limits:' }: RedisLimitsOptions = {}): LimitStoreFactory {
  return {
    capabilities: CAPABILITIES,
    create: (environment) => redisStore(environment, typeof url === 'string' ? url : url.reveal(), prefix),
  };
}

type Client = ReturnType<typeof createClient>;

function redisStore({ platform, onError }: LimitStoreEnvironment, url: string, prefix: string): LimitStore {
  checkAddress(url);
  const client: Client = createClient({
    url,
    name: 'ramet-limits',
    // Who is not connected says so at once: what waits here is a request.
    disableOfflineQueue: true,
    commandsQueueMaxLength: WAITING_MAX,
    pingInterval: PING_MS,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_MAX_MS,
      reconnectStrategy: (retries) => Math.min(RECONNECT_MAX_MS, 50 * 2 ** Math.min(retries, 10)) * (0.5 + platform.random.next() / 2),
    },
  });
  let away = false;
  let closed = false;
  client.on('ready', () => {
    away = false;
  });
  client.on('error', (error: unknown) => {
    if (!away && !closed) onError(error, { limits: 'redis' });
    away = true;
  });
  // It goes on trying; what fails meanwhile was told above.
  client.connect().catch(() => {});
  return {
    capabilities: CAPABILITIES,
    counter: (bucket, rate) => counterOf(client, platform, `${prefix}${bucket}:${rate.count}/${rate.windowMs}:`, rate),
    async close() {
      if (closed) return;
      closed = true;
      client.destroy();
    },
  };
}

function counterOf(client: Client, { crypto }: Platform, prefix: string, rate: Rate): LimitCounter {
  const rest = [String(rate.count), String(rate.windowMs), String(TOLERANCE)];
  return {
    async take(key): Promise<RateDecision> {
      const args = ['1', `${prefix}${crypto.sha256(key).slice(0, HASH_LENGTH)}`, ...rest];
      const [allowed, used] = (await run(client, args)) as unknown as [number, string];
      return decisionOf(rate, Number(used), allowed === 1);
    },
  };
}

/** The server forgets scripts when it restarts; then it is told once more. */
async function run(client: Client, args: string[]): Promise<unknown> {
  try {
    return await client.sendCommand(['EVALSHA', SHA1, ...args]);
  } catch (error) {
    if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
    return client.sendCommand(['EVAL', GCRA, ...args]);
  }
}

/** @throws RangeError that does not hold the address: a password may be part of it */
function checkAddress(url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol !== 'redis:' && protocol !== 'rediss:')
    throw new RangeError("redis(): the address cannot be used; write 'redis://host:6379', or 'rediss://…' for TLS");
}

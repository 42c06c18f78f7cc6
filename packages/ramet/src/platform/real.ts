import { createHash, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Agent, fetch as undiciFetch } from 'undici';
import { ed25519 } from './ed25519.ts';
import type { Crypto, Files, HttpClient, Platform, Timer } from './platform.ts';

const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** The options of {@link realPlatform}. */
export interface RealPlatformOptions {
  /** Called at every named point: tests stop the process there. */
  readonly onPoint?: (site: string) => Promise<void> | undefined;
}

/** Creates the platform of production: the machine's clocks, timers, random bytes and network. */
export function realPlatform(options: RealPlatformOptions = {}): Platform {
  return {
    clock: { wallNow: () => Date.now(), monoNow: () => performance.now() },
    timers: { set: setTimer, sleep, yield: () => new Promise((resolve) => setImmediate(resolve)) },
    random: { next: () => Math.random(), bytes: pooledBytes() },
    crypto: realCrypto,
    signatures: ed25519,
    http: realHttp(),
    files: systemFiles,
    process: processFigures(),
    outside: (_, make) => make(),
    point: options.onPoint ?? (() => undefined),
  };
}

/** The machine's files. */
export const systemFiles: Files = {
  readText(file, maxBytes) {
    try {
      if (statSync(file).size > maxBytes) throw new RangeError(`there are more than ${maxBytes} bytes in ${fileURLToPath(file)}`);
      return readFileSync(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
      throw error;
    }
  },
  readFolder(folder, suffix) {
    const names = readdirSync(folder).filter((name) => name.endsWith(suffix));
    return names.sort().map((name) => ({ name, text: readFileSync(new URL(name, folder), 'utf8') }));
  },
  readTree,
};

function readTree(folder: URL, maxBytes: number): { path: string; bytes: Uint8Array }[] {
  const root = fileURLToPath(folder);
  const found: { path: string; bytes: Uint8Array }[] = [];
  let total = 0;
  const visit = (below: string) => {
    for (const entry of readdirSync(join(root, below), { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) visit(path);
      else if (entry.isFile()) {
        total += statSync(join(root, path)).size;
        if (total > maxBytes) throw new RangeError(`there are more than ${maxBytes} bytes below ${root}`);
        found.push({ path, bytes: readFileSync(join(root, path)) });
      }
    }
  };
  visit('');
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function setTimer(delayMs: number, fire: () => void): Timer {
  if (delayMs <= LONGEST_TIMEOUT_MS) {
    const handle = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(handle) };
  }
  let inner = setTimer(LONGEST_TIMEOUT_MS, () => {
    inner = setTimer(delayMs - LONGEST_TIMEOUT_MS, fire);
  });
  return { cancel: () => inner.cancel() };
}

function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Random bytes are fetched 4 KiB at a time: a call to the operating system for each id would cost more than the id. */
function pooledBytes(): (count: number) => Uint8Array {
  let pool = new Uint8Array(0);
  let used = 0;
  return (count) => {
    if (count > 256) return new Uint8Array(randomBytes(count));
    if (used + count > pool.length) {
      pool = new Uint8Array(randomBytes(4096));
      used = 0;
    }
    const bytes = pool.slice(used, used + count);
    pool.fill(0, used, used + count);
    used += count;
    return bytes;
  };
}

function processFigures(): Platform['process'] {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  return {
    residentMemoryBytes: () => process.memoryUsage.rss(),
    eventLoopLagSeconds() {
      // The histogram measures whole turns of its own timer: the lag is what exceeds its resolution.
      const seconds = Math.max(0, delay.percentile(99) / 1e9 - 0.01);
      delay.reset();
      return Number.isFinite(seconds) ? seconds : 0;
    },
  };
}

const SCRYPT = { N: 16_384, r: 8, p: 1 } as const;

const realCrypto: Crypto = {
  sha256: (text) => createHash('sha256').update(text).digest('hex'),
  async hashPassword(password) {
    const salt = randomBytes(16);
    return `scrypt$${SCRYPT.N}$${SCRYPT.r}$${SCRYPT.p}$${salt.toString('base64url')}$${(await derive(password, salt, SCRYPT)).toString('base64url')}`;
  },
  async verifyPassword(password, hash) {
    const [scheme, N, r, p, salt, expected] = hash.split('$');
    if (scheme !== 'scrypt' || !salt || !expected) return false;
    const derived = await derive(password, Buffer.from(salt, 'base64url'), { N: Number(N), r: Number(r), p: Number(p) });
    const wanted = Buffer.from(expected, 'base64url');
    return derived.length === wanted.length && timingSafeEqual(derived, wanted);
  },
  equal(a, b) {
    const left = createHash('sha256').update(a).digest();
    const right = createHash('sha256').update(b).digest();
    return timingSafeEqual(left, right);
  },
};

function derive(password: string, salt: Buffer, cost: { N: number; r: number; p: number }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, cost, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function realHttp(): HttpClient {
  const agent = new Agent({ keepAliveTimeout: 4_000, connections: 128 });
  return {
    fetch: (url, request = {}) =>
      undiciFetch(url, { ...request, redirect: 'manual', dispatcher: agent } as never) as unknown as Promise<Response>,
    close: () => agent.close(),
  };
}

import { createRequire, syncBuiltinESMExports } from 'node:module';
import { currentRun } from './run-context.ts';
import { type Owner, running } from './scheduler.ts';

/** Code of a simulated process reached the real world: what it gets from there, no seed decides. */
export class SimulationEscape extends Error {
  override name = 'SimulationEscape';
}

/**
 * Libraries that read the time or draw chance (metrics do, to stamp what they record) are given those of the simulation:
 * they cannot be made to use a context.
 */
const harmless: Readonly<Record<string, (owner: Owner) => unknown>> = {
  'Date.now': (owner) => owner.platform?.clock.wallNow() ?? 0,
  'performance.now': (owner) => owner.platform?.clock.monoNow() ?? 0,
  'Math.random': (owner) => owner.platform?.random.next() ?? 0,
  'process.hrtime': ({ platform }) => {
    const ms = platform?.clock.monoNow() ?? 0;
    return [Math.floor(ms / 1_000), Math.floor((ms % 1_000) * 1e6)];
  },
  'process.hrtime.bigint': ({ platform }) => BigInt(Math.floor((platform?.clock.monoNow() ?? 0) * 1e6)),
};

/** Whether the caller of the guard is an installed package. */
function ofLibrary(): boolean {
  const kept = Error.stackTraceLimit;
  Error.stackTraceLimit = 3;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = kept;
  return stack.split('\n')[3]?.includes('/node_modules/') === true;
}

const DELAYED = "ctx.send(…, { after }) or a saga's sleep";
const EXTERNAL = "external() in 'uses'";
const STORE = "the service's store";
const TURN = 'the synchronous function: no seed decides when another thread is done';

/** What is watched: where it is, and what to use instead. Time and chance are reads; the rest is I/O. */
const GLOBALS: readonly (readonly [object: string, member: string, instead: string])[] = [
  ['Date', 'now', 'ctx.now()'],
  ['Math', 'random', 'ctx.id(), or saga.random() in a saga'],
  ['performance', 'now', 'ctx.now()'],
  ['process.hrtime', 'bigint', 'ctx.now()'],
  ['process', 'hrtime', 'ctx.now()'],
  ['crypto', 'randomUUID', 'ctx.id()'],
  ['crypto', 'getRandomValues', 'ctx.id()'],
  ['AbortSignal', 'timeout', "the timeout of a call's policy"],
  ['', 'setTimeout', DELAYED],
  ['', 'setInterval', 'a schedule'],
  ['', 'setImmediate', 'nothing: await what you wait for'],
  ['', 'fetch', EXTERNAL],
];
const MODULES: readonly (readonly [module: string, members: readonly string[], instead: string])[] = [
  ['node:crypto', ['randomBytes', 'randomUUID', 'randomInt', 'randomFill', 'randomFillSync'], 'ctx.id()'],
  ['node:crypto', ['scrypt', 'pbkdf2', 'generateKeyPair'], TURN],
  ['node:zlib', ['gzip', 'gunzip', 'deflate', 'inflate', 'brotliCompress', 'brotliDecompress'], TURN],
  ['node:timers', ['setTimeout', 'setInterval', 'setImmediate'], DELAYED],
  ['node:timers/promises', ['setTimeout', 'setInterval', 'setImmediate'], DELAYED],
  ['node:net', ['connect', 'createConnection', 'createServer'], EXTERNAL],
  ['node:tls', ['connect', 'createServer'], EXTERNAL],
  ['node:dgram', ['createSocket'], EXTERNAL],
  ['node:http', ['request', 'get', 'createServer'], EXTERNAL],
  ['node:https', ['request', 'get', 'createServer'], EXTERNAL],
  ['node:http2', ['connect', 'createServer'], EXTERNAL],
  ['node:dns', ['lookup', 'resolve'], EXTERNAL],
  ['node:child_process', ['spawn', 'exec', 'execFile', 'fork'], 'another design: handlers start no processes'],
  ['node:fs/promises', ['readFile', 'writeFile', 'open', 'mkdir', 'stat', 'readdir'], STORE],
  ['node:fs', ['readFileSync', 'writeFileSync', 'readFile', 'writeFile', 'open', 'openSync'], STORE],
];

/** A simulated process whose run watches what it reaches; undefined for all other code. */
function watched(): Owner | undefined {
  return currentRun()?.onEscape === undefined ? undefined : running.getStore();
}

function escapeOf(owner: Owner, what: string, instead: string): SimulationEscape {
  const error = new SimulationEscape(`${owner.name} called ${what}, which no seed decides; use ${instead}`);
  currentRun()?.onEscape?.(error.stack ?? error.message);
  return error;
}

/** The doors are those of the whole Node process: the first run that is under way guards them, and the last one restores them. */
const shared = { runs: 0, restore: [] as (() => void)[] };

/**
 * Guards the doors to the real world while `work` lasts, for the processes of runs that watch them: code that passes one gets an error,
 * and its run hears of it. All other code passes.
 */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  if (shared.runs++ === 0) shared.restore = guardAll();
  try {
    return await work();
  } finally {
    if (--shared.runs === 0) {
      for (const undo of shared.restore.reverse()) undo();
      syncBuiltinESMExports();
    }
  }
}

/** Guards every door. @returns what restores each */
function guardAll(): (() => void)[] {
  const restore: (() => void)[] = [];
  for (const [object, member, instead] of GLOBALS) {
    const path = object === '' ? [] : object.split('.');
    const holder = path.reduce((at, name) => at[name] as Record<string, unknown>, globalThis as Record<string, unknown>);
    restore.push(guard(holder, member, [...path, member].join('.'), instead));
  }
  const require = createRequire(import.meta.url);
  for (const [module, members, instead] of MODULES) {
    const holder = require(module) as Record<string, unknown>;
    for (const member of members) restore.push(guard(holder, member, `${module}.${member}`, instead));
  }
  restore.push(guardDate());
  syncBuiltinESMExports();
  return restore;
}

function guard(holder: Record<string, unknown>, member: string, name: string, instead: string): () => void {
  const real = holder[member];
  if (typeof real !== 'function') return () => {};
  const own = Object.hasOwn(holder, member);
  const door = function (this: unknown, ...args: unknown[]): unknown {
    const owner = watched();
    if (owner === undefined) return Reflect.apply(real, this, args);
    const simulated = harmless[name];
    if (simulated && ofLibrary()) return simulated(owner);
    throw escapeOf(owner, name, instead);
  };
  holder[member] = Object.assign(door, real);
  return () => {
    if (own) holder[member] = real;
    else delete holder[member];
  };
}

/** `new Date()` and `Date()` read the time; `new Date(moment)` does not. */
function guardDate(): () => void {
  const Real = globalThis.Date;
  const refuse = (owner: Owner) => {
    throw escapeOf(owner, 'new Date()', 'ctx.now()');
  };
  globalThis.Date = new Proxy(Real, {
    construct(target, args, newTarget) {
      const owner = watched();
      if (args.length === 0 && owner !== undefined) return ofLibrary() ? new Real(owner.platform?.clock.wallNow() ?? 0) : refuse(owner);
      return Reflect.construct(target, args, newTarget) as object;
    },
    apply(target, self, args) {
      const owner = watched();
      if (owner !== undefined) return refuse(owner);
      return Reflect.apply(target, self, args);
    },
  });
  return () => {
    globalThis.Date = Real;
  };
}

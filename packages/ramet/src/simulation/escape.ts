import { createRequire, syncBuiltinESMExports } from 'node:module';
import { type Owner, running } from './scheduler.ts';

/** Code of a simulated process reached the real world: what it gets from there, no seed decides. */
export class SimulationEscape extends Error {
  override name = 'SimulationEscape';
}

/**
 * Libraries that ask for the time or for chance (metrics do, to stamp what they record) are given those of the simulation:
 * nobody can tell them to ask a context.
 */
const harmless: Readonly<Record<string, (owner: Owner) => number>> = {
  'Date.now': (owner) => owner.platform?.clock.wallNow() ?? 0,
  'performance.now': (owner) => owner.platform?.clock.monoNow() ?? 0,
  'Math.random': (owner) => owner.platform?.random.next() ?? 0,
};

/** Whether whoever called the guard stands in an installed package. */
function ofLibrary(): boolean {
  const kept = Error.stackTraceLimit;
  Error.stackTraceLimit = 3;
  const { stack = '' } = new Error();
  Error.stackTraceLimit = kept;
  return stack.split('\n')[3]?.includes('/node_modules/') === true;
}

/** What is watched: where it is, and what to use instead. Time and chance are asked for; the rest is I/O. */
const GLOBALS: readonly (readonly [object: string, member: string, instead: string])[] = [
  ['Date', 'now', 'ctx.now()'],
  ['Math', 'random', 'ctx.id(), or saga.random() in a saga'],
  ['performance', 'now', 'ctx.now()'],
  ['', 'setTimeout', "ctx.send(…, { after }) or a saga's sleep"],
  ['', 'setInterval', 'a schedule'],
  ['', 'setImmediate', 'nothing: await what you wait for'],
  ['', 'fetch', "external() in 'uses'"],
];
const MODULES: readonly (readonly [module: string, members: readonly string[], instead: string])[] = [
  ['node:crypto', ['randomBytes', 'randomUUID', 'randomInt'], 'ctx.id()'],
  ['node:timers', ['setTimeout', 'setInterval', 'setImmediate'], "ctx.send(…, { after }) or a saga's sleep"],
  ['node:timers/promises', ['setTimeout', 'setInterval', 'setImmediate'], "ctx.send(…, { after }) or a saga's sleep"],
  ['node:net', ['connect', 'createConnection', 'createServer'], "external() in 'uses'"],
  ['node:http', ['request', 'get', 'createServer'], "external() in 'uses'"],
  ['node:https', ['request', 'get', 'createServer'], "external() in 'uses'"],
  ['node:dns', ['lookup', 'resolve'], "external() in 'uses'"],
  ['node:child_process', ['spawn', 'exec', 'execFile', 'fork'], 'another design: handlers start no processes'],
  ['node:fs/promises', ['readFile', 'writeFile', 'open', 'mkdir', 'stat', 'readdir'], "the service's store"],
  ['node:fs', ['readFileSync', 'writeFileSync', 'readFile', 'writeFile', 'open', 'openSync'], "the service's store"],
];

interface Guard {
  leave(): void;
}

/** Watches the doors to the real world while a simulation runs, and only inside its processes: who goes through one is told so. */
export const escapes = {
  /** @param tell gets what was reached, what to use instead, and the stack */
  enter(tell: (what: string) => void): Guard {
    const restore: (() => void)[] = [];
    const guard = (holder: Record<string, unknown>, member: string, name: string, instead: string) => {
      const real = holder[member];
      if (typeof real !== 'function') return;
      const guarded = function (this: unknown, ...args: unknown[]): unknown {
        const owner = running.getStore();
        if (owner === undefined) return Reflect.apply(real, this, args);
        const simulated = harmless[name];
        if (simulated && ofLibrary()) return simulated(owner);
        const error = new SimulationEscape(`${owner.name} called ${name}, which no seed decides; use ${instead}`);
        tell(error.stack ?? error.message);
        throw error;
      };
      holder[member] = Object.assign(guarded, real);
      restore.push(() => {
        holder[member] = real;
      });
    };
    for (const [object, member, instead] of GLOBALS) {
      const holder = (object === '' ? globalThis : (globalThis as Record<string, unknown>)[object]) as Record<string, unknown>;
      guard(holder, member, object === '' ? member : `${object}.${member}`, instead);
    }
    const require = createRequire(import.meta.url);
    for (const [module, members, instead] of MODULES) {
      const holder = require(module) as Record<string, unknown>;
      for (const member of members) guard(holder, member, `${module}.${member}`, instead);
    }
    restore.push(guardDate(tell));
    syncBuiltinESMExports();
    return {
      leave() {
        for (const undo of restore.reverse()) undo();
        syncBuiltinESMExports();
      },
    };
  },
};

/** `new Date()` and `Date()` ask for the time; `new Date(moment)` does not. */
function guardDate(tell: (what: string) => void): () => void {
  const Real = globalThis.Date;
  const refuse = () => {
    const error = new SimulationEscape(`${running.getStore()?.name} called new Date(), which no seed decides; use ctx.now()`);
    tell(error.stack ?? error.message);
    throw error;
  };
  globalThis.Date = new Proxy(Real, {
    construct(target, args, newTarget) {
      const owner = running.getStore();
      if (args.length === 0 && owner !== undefined) return ofLibrary() ? new Real(owner.platform?.clock.wallNow() ?? 0) : refuse();
      return Reflect.construct(target, args, newTarget) as object;
    },
    apply(target, self, args) {
      if (running.getStore() !== undefined) return refuse();
      return Reflect.apply(target, self, args);
    },
  });
  return () => {
    globalThis.Date = Real;
  };
}

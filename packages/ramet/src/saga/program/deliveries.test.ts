import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { command, contract } from '../../contract/index.ts';
import { realPlatform } from '../../platform/index.ts';
import type { Reply } from '../../rpc/index.ts';
import { use } from '../../rpc/index.ts';
import type { Store } from '../../store/index.ts';
import { silentInstrument, silentLog } from '../../telemetry/index.ts';
import type { SagaRow, StepRow } from '../journal/journal.ts';
import { Run, sagaWorks } from '../run/run.ts';
import { type Saga, type SagaContext, saga } from '../saga.ts';
import { buildersOf, seen } from './calls.ts';
import { type ProgramEnd, runProgram } from './program.ts';
import { asOf, type RehearsedStep, rehearse } from './rehearse.ts';

const A = contract('a', { commands: { act: command({ input: z.object({ what: z.string() }) }) } });
const used = use(A);
const platform = realPlatform();
const row: SagaRow = {
  ...{ id: 's', type: 'p', programVersion: 1, key: 'k', input: {}, initiator: '', trace: { correlationId: 'c', traceparent: 't' } },
  ...{ crashes: 0, createdAt: 0, updatedAt: 0, state: 'RUNNING', version: 1, epoch: 1, failure: undefined, result: undefined },
  ...{ cancelReason: undefined, pivoted: false, attention: undefined },
};

/** Ways of putting promises together, by any depth. */
type Tree =
  | { readonly kind: 'step'; readonly fails: boolean }
  | { readonly kind: 'sequence' | 'race' | 'any' | 'all' | 'allSettled' | 'parallel'; readonly of: readonly Tree[] }
  | { readonly kind: 'late'; readonly turns: number; readonly of: readonly [Tree] };

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.record({ kind: fc.constant('step' as const), fails: fc.boolean() }),
    fc.record({
      kind: fc.constantFrom('sequence', 'race', 'any', 'all', 'allSettled', 'parallel'),
      of: fc.array(tie('tree'), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('late' as const), turns: fc.integer({ min: 1, max: 9 }), of: fc.tuple(tie('tree')) }),
  ),
}));

/** Runs a tree; what comes first decides the names of what follows, as it does in programs. */
function programOf(root: Tree): Saga {
  const build = async (node: Tree, name: string, context: SagaContext<{ a: typeof used }>): Promise<string> => {
    const each = (of: readonly Tree[]) => of.map((inner, i) => build(inner, `${name}.${i}`, context));
    switch (node.kind) {
      case 'step':
        await context.step(name, context.use.a.act({ what: node.fails ? 'fail' : 'do' }), { undo: 'nothing' });
        return name;
      case 'late': {
        const inner = build(node.of[0], `${name}.0`, context);
        for (let turn = 0; turn < node.turns; turn++) await undefined;
        return inner;
      }
      case 'sequence': {
        let last = '';
        for (const [i, inner] of node.of.entries())
          last = await build(inner, `${name}.${i}`, context).catch((error: Error) => error.message);
        return last;
      }
      case 'allSettled':
        return (await Promise.allSettled(each(node.of))).map(({ status }) => status[0]).join('');
      case 'parallel':
        return Object.values(await context.parallel(Object.fromEntries(each(node.of).entries()))).join();
      default:
        return String(await (Promise[node.kind] as (of: Promise<string>[]) => Promise<unknown>)(each(node.of)));
    }
  };
  return saga('p', {
    input: z.object({}),
    key: undefined as never,
    uses: { a: used },
    async run(_, context) {
      const first = await build(root, '1', context).catch((error: Error) => error.message);
      const value = context.random();
      const second = await build(root, `2 after ${first}`, context).catch((error: Error) => error.message);
      await context.step(`end ${first} ${second} ${value}`, context.use.a.act({ what: 'do' }), { undo: 'nothing' });
    },
  });
}

/** Runs a program for the first time, or over a journal; every call is answered when the order says so. */
async function live(program: Saga, order: readonly number[], journal: readonly StepRow[] = []) {
  const open: { readonly step: string; readonly answer: () => void }[] = [];
  const run = new Run(
    {
      platform,
      // What would be written is in memory as well, and is all that this looks at.
      store: { write: async () => undefined } as unknown as Store,
      service: 'a',
      call: ({ input }, _, { step }) =>
        new Promise<Reply>((resolve) => {
          const fails = (input as { what: string }).what === 'fail';
          const reply = fails
            ? { ok: false, kind: 'declared', error: `no ${step?.key}`, status: 409, data: {} }
            : { ok: true, value: undefined };
          open.push({ step: step?.key ?? '', answer: () => resolve(reply as Reply) });
        }),
      shown: () => undefined,
      alerts: undefined as never,
      log: silentLog,
      instrument: silentInstrument,
      works: sagaWorks(),
      caughtUp: async () => true,
    },
    { ...row },
    journal.map((step) => ({ ...step })),
  );
  const builders = buildersOf(program);
  let end: ProgramEnd | undefined;
  void runProgram(run, program, (onMade) => seen(builders, onMade) as never).then((how) => {
    end = how;
  });
  const calls: string[] = [];
  for (let turn = 0, rest = 0; end === undefined && rest < 50; turn++) {
    await platform.timers.yield();
    rest = open.length === 0 ? rest + 1 : 0;
    // Several may be answered in one turn.
    for (let many = 1 + ((order[(turn * 7) % order.length] ?? 0) % 3); many > 0 && open.length > 0; many--) {
      const [next] = open.splice((order[turn % order.length] ?? 0) % open.length, 1);
      calls.push(next?.step ?? '');
      next?.answer();
    }
  }
  return { steps: run.steps, calls, end };
}

const names = (asked: readonly RehearsedStep[]) => asked.map(({ name }) => name);
describe('a program that runs again', () => {
  test('requests the same steps after every outcome, however it combines its promises', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.array(fc.nat(), { minLength: 1, maxLength: 12 }), async (root, order) => {
        const program = programOf(root);
        const { steps, end } = await live(program, order);
        expect(end?.kind).toBe('returned');
        const all = await rehearse(platform, program, row, steps);
        expect(all).toMatchObject({ end: 'returned' });
        expect(new Set(names(all.asked))).toEqual(new Set(steps.map(({ name }) => name)));
        const last = steps.filter(({ delivery }) => delivery !== undefined).length;
        for (let delivered = 0; delivered < last; delivered++) {
          const again = await rehearse(platform, program, row, asOf(steps, all, delivered));
          expect(['waits', 'returned']).toContain(again.end);
          expect(names(again.asked)).toEqual(names(all.asked.filter(({ after }) => after <= delivered)));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('ends from every point of interruption, and does not repeat a call that has an outcome', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.array(fc.nat(), { minLength: 1, maxLength: 12 }), fc.nat(), fc.nat(), async (root, order, at, cut) => {
        const program = programOf(root);
        const first = await live(program, order);
        const whole = await rehearse(platform, program, row, first.steps);
        const outcomes = first.steps.filter(({ delivery }) => delivery !== undefined);
        const delivered = at % (outcomes.length + 1);
        const places = new Map(whole.asked.map(({ name }, i) => [name, i]));
        const written = asOf(first.steps, whole, delivered).sort((a, b) => (places.get(a.name) ?? 0) - (places.get(b.name) ?? 0));
        // Intents are written in their order; of those behind the last outcome any number may not have been.
        const least = written.findLastIndex(({ delivery }) => delivery !== undefined) + 1;
        const journal = written.slice(0, least + (cut % (written.length - least + 1)));
        const second = await live(program, order, journal);
        expect(second.end?.kind).toBe('returned');
        const done = new Set(outcomes.filter(({ delivery }) => (delivery ?? 0) <= delivered).map(({ stepKey }) => stepKey));
        expect(second.calls.filter((key) => done.has(key))).toEqual([]);
        expect(second.steps.map(({ name }) => name)).toEqual(expect.arrayContaining(journal.map(({ name }) => name)));
        expect((await rehearse(platform, program, row, second.steps)).end).toBe('returned');
      }),
      { numRuns: 300 },
    );
  });

  test('has diverged if its journal has any row that it does not request', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.array(fc.nat(), { minLength: 1, maxLength: 12 }), fc.nat(), async (root, order, which) => {
        const program = programOf(root);
        const { steps } = await live(program, order);
        const renamed = steps.map((step, i) => (i === which % steps.length ? { ...step, name: 'another' } : step));
        const { end, reason } = await rehearse(platform, program, row, renamed);
        expect(end).toBe('diverged');
        expect(reason).toMatch(/^its journal has (step|value) '.*', which its program does not request/);
      }),
      { numRuns: 100 },
    );
  });
});

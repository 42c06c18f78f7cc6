import { expect, test } from 'vitest';
import { z } from 'zod';
import { command, contract, type SagaContext, saga, service, use } from '../index.ts';
import { topology } from '../runtime/index.ts';
import { simulate } from './index.ts';

const Ref = z.object({ id: z.string() });
const Desk = contract('desk', {
  commands: { begin: command({ input: Ref }), act: command({ input: Ref }), unact: command({ input: Ref }) },
});
const used = { desk: use(Desk) };
type Program = (input: { id: string }, context: SagaContext<typeof used>) => Promise<void>;

/** Simulates one saga with this program, without any fault. */
async function simulated(run: Program, act = () => {}): Promise<readonly { readonly id: string; readonly detail: string }[]> {
  const program = saga('acts', { input: Ref, key: 'id', uses: used, run });
  const desk = service(Desk).implement({
    commands: { begin: (input, { start }) => start(program, input), act, unact: () => {} },
    sagas: [program],
  });
  const report = await simulate(topology({ services: { desk }, profiles: {} }), {
    seeds: 1,
    faults: {},
    keepFaults: true,
    scenario: (sim) => sim.client(Desk).begin({ id: 'a' }),
  });
  return report.failures.flatMap(({ violations }) => violations);
}

test('a program that requests the same each time keeps every promise', async () => {
  const violations = await simulated(async ({ id }, { step, sleep, random, use: { desk } }) => {
    await Promise.race([step('slow', desk.act({ id }), { undo: desk.unact({ id }) }), sleep('patience', '1ms')]);
    await step(`act ${random()}`, desk.act({ id }), { undo: 'nothing' });
  });
  expect(violations).toEqual([]);
});

test('a program that remembers something beside its journal is found, though no process ended', async () => {
  let runs = 0;
  const violations = await simulated(async ({ id }, { step, use: { desk } }) => {
    await step(`act ${++runs}`, desk.act({ id }), { undo: 'nothing' });
  });
  expect(violations[0]).toMatchObject({ id: 'INV-29', detail: expect.stringContaining("run again it does not request 'act 1'") });
});

test('a program that awaits something of its own is found', async () => {
  let acted = () => {};
  const violations = await simulated(
    async ({ id }, { step, use: { desk } }) => {
      const handled = new Promise<void>((resolve) => {
        acted = resolve;
      });
      const act = step('act', desk.act({ id }), { undo: 'nothing' });
      await handled;
      await act;
      await step('after', desk.act({ id }), { undo: 'nothing' });
    },
    () => acted(),
  );
  expect(violations[0]).toMatchObject({ id: 'INV-29', detail: expect.stringContaining("run again it does not request 'after'") });
});

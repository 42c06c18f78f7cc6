import { realPlatform } from '../platform/index.ts';
import { asOf, type Rehearsed, rehearse, type Saga, type SagaRow, type StepRow, sagaOf, stepOf } from '../saga/index.ts';
import type { Simulated } from './face.ts';
import { Keyed } from './keyed.ts';
import type { System } from './world.ts';

/** How many prefixes of a journal are rehearsed; of a longer journal, chance chooses them. */
const PREFIXES_MAX = 12;

type JournalRow = Record<string, string | number | null>;
type SayWhat = (detail: string) => void;

/**
 * Runs the program of every saga again over its journal: over all of it, and as the journal was after each outcome. A program
 * requests the same each time, or something outside the journal decides what it does. A row that no program ever requested is
 * put into each journal as well: the rehearsal must report it.
 */
export async function programsGoTheSameWay(sim: Simulated, system: System, say: SayWhat): Promise<void> {
  const keyed = new Keyed(`${sim.seed}|programs`);
  for (const [service, { sagas }] of system.services) {
    const programs = new Map(sagas.flatMap((saga) => [saga, ...saga.previous]).map((saga) => [`${saga.name}@${saga.version}`, saga]));
    for (const raw of await sim.rows<JournalRow>(service, 'select * from ramet_sagas order by id')) {
      const saga = sagaOf(raw);
      const program = programs.get(`${saga.type}@${saga.programVersion}`);
      const rows = await sim.rows<JournalRow>(service, 'select * from ramet_saga_steps where saga_id = ? order by idx', saga.id);
      if (program) await sameWay(program, saga, rows.map(stepOf), keyed, (detail) => say(`${saga.type} ${saga.id}: ${detail}`));
    }
  }
}

async function sameWay(program: Saga, saga: SagaRow, steps: readonly StepRow[], keyed: Keyed, say: SayWhat): Promise<void> {
  const again = (journal: readonly StepRow[]) => rehearse(realPlatform(), program, saga, journal);
  const whole = await again(steps);
  complete(saga, steps, whole, say);
  const outcomes = steps.filter(({ delivery }) => delivery !== undefined).length;
  for (let n = 0; n < Math.min(outcomes, PREFIXES_MAX); n++) {
    const delivered = outcomes <= PREFIXES_MAX ? n : keyed.int(saga.id, 0, outcomes - 1);
    const before = await again(asOf(steps, whole, delivered));
    const expected = askedBy(whole, delivered);
    if (before.end === 'diverged') say(`after ${delivered} outcomes it diverges: ${before.reason}`);
    else if (askedBy(before, delivered).join() !== expected.join())
      say(`after ${delivered} outcomes it requests ${askedBy(before, delivered)}, and with the whole journal ${expected}`);
  }
  if (steps.length === 0) return;
  const strange = keyed.int(`${saga.id} strange`, 0, steps.length - 1);
  const noticed = await again(steps.map((step, i) => (i === strange ? { ...step, name: `not ${step.name}` } : step)));
  if (noticed.end !== 'diverged') say(`that its journal has a ${steps[strange]?.kind} which it does not request is not noticed`);
}

/** With the whole journal the program requests each row of it, and reaches the end that the saga reached. */
function complete({ state }: SagaRow, steps: readonly StepRow[], whole: Rehearsed, say: SayWhat): void {
  const asked = new Set(whole.asked.map(({ name }) => name));
  const missing = steps.filter(({ name }) => !asked.has(name)).map(({ name }) => `'${name}'`);
  if (missing.length > 0) say(`run again it does not request ${missing}`);
  else if (whole.end === 'diverged') say(`run again it diverges: ${whole.reason}`);
  if (state !== 'COMPLETED') return;
  const known = new Set(steps.map(({ name }) => name));
  const more = whole.asked.filter(({ name }) => !known.has(name)).map(({ name }) => `'${name}'`);
  if (more.length > 0) say(`it is completed, and run again it requests ${more} as well`);
  else if (whole.end !== 'returned') say(`it is completed, and run again it ${whole.end}`);
}

/** What a program had requested after so many outcomes, as text. */
const askedBy = ({ asked }: Rehearsed, delivered: number): string[] =>
  asked
    .filter(({ after }) => after <= delivered)
    .map(
      ({ name, kind, invocation }) =>
        `'${name}' (${kind} ${invocation.service}.${invocation.operation} ${JSON.stringify(invocation.input)})`,
    );

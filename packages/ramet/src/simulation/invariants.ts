import type { Simulated, Violation } from './face.ts';
import { programsGoTheSameWay } from './programs.ts';
import { unheard } from './rest.ts';
import type { System } from './world.ts';

/** A keyed command, and its outcome as the client saw it. */
export interface CommandEnd {
  readonly service: string;
  readonly operation: string;
  readonly key: string;
  readonly outcome: 'ok' | 'declared' | 'not executed' | 'unknown';
}

/** An event that a subscriber has handled. */
export interface Handled {
  readonly subscriber: string;
  readonly eventId: string;
}

interface CheckedSaga {
  readonly id: string;
  readonly type: string;
  readonly state: string;
  /** Whether its participants have been notified of its end, and so have forgotten it. */
  readonly past: number;
}
interface CheckedStep {
  readonly saga_id: string;
  readonly name: string;
  readonly kind: string;
  readonly invocation: string;
  readonly undo: string | null;
  readonly state: string;
  readonly step_key: string;
}

/** How often an undo may be tried before an operator is alerted. */
const ATTEMPTS_MAX = 3;

/**
 * Checks what the framework promises to every application, in the tables of all services when everything is at rest. Each promise has an
 * id (INV-03 and so on), which docs/simulation.md lists.
 */
export async function frameworkInvariants(
  sim: Simulated,
  system: System,
  seen: {
    readonly asked: readonly CommandEnd[];
    readonly handled: readonly Handled[];
    readonly deadLetters: boolean;
    /** Requests of clients that the network delivered twice, as `service.operation`. */
    readonly twice: ReadonlySet<string>;
  },
): Promise<Violation[]> {
  const found: Violation[] = [];
  const say = (id: string, detail: string) => void found.push({ id, detail });
  for (const service of system.services.keys()) {
    await sagas(sim, system, service, say);
    await positions(sim, service, say);
    if (!seen.deadLetters)
      for (const { event, error } of await sim.rows<{ event: string; error: string }>(
        service,
        'select event, error from ramet_dead_letters',
      ))
        say('INV-12', `${service}: ${event} became a dead letter: ${error}`);
  }
  for (const detail of await unheard(sim, system)) say('INV-10', detail);
  await programsGoTheSameWay(sim, system, (detail) => say('INV-29', detail));
  await handledInOrder(sim, system, seen.handled, say);
  await kept(sim, seen.asked, seen.twice, say);
  return found;
}

type Say = (id: string, detail: string) => void;

async function sagas(sim: Simulated, system: System, service: string, say: Say): Promise<void> {
  const rows = await sim.rows<CheckedSaga>(
    service,
    'select id, type, state, ended_at is not null and notice_at is null as past from ramet_sagas',
  );
  if (rows.length === 0) return;
  const steps = Map.groupBy(
    await sim.rows<CheckedStep>(service, 'select * from ramet_saga_steps order by saga_id, idx'),
    (step) => step.saga_id,
  );
  for (const saga of rows) {
    if (saga.state !== 'COMPLETED' && saga.state !== 'COMPENSATED') say('INV-03', `${saga.type} ${saga.id} has ended as ${saga.state}`);
    for (const step of steps.get(saga.id) ?? []) {
      if (step.kind !== 'step' && step.kind !== 'pivot') continue;
      const { service: participant } = JSON.parse(step.invocation) as { service: string };
      if (!system.services.has(participant)) continue;
      const [fence] = await sim.rows<{ state: string }>(participant, 'select state from ramet_fences where step_key = ?', step.step_key);
      if (saga.past) {
        if (fence) say('INV-04', `${saga.id} has ended long ago, but '${step.name}' at ${participant} is still ${fence.state}`);
      } else if (saga.state === 'COMPLETED' && step.state === 'OK' && fence?.state !== 'DONE')
        say('INV-04', `${saga.id} is completed, but '${step.name}' at ${participant} is ${fence?.state ?? 'unknown there'}`);
      if (saga.state === 'COMPENSATED' && step.undo !== null && ['DONE', 'STARTED', 'CANCELLING', 'IN_DOUBT'].includes(fence?.state ?? ''))
        say('INV-05', `${saga.id} is compensated, but '${step.name}' at ${participant} is ${fence?.state}`);
    }
  }
  await attempts(sim, service, say);
  const logs = await sim.rows<{ saga_id: string; holes: number }>(
    service,
    'select saga_id, max(seq) - count(*) as holes from ramet_saga_log group by saga_id having holes <> 0',
  );
  for (const { saga_id } of logs) say('INV-08', `the log of ${saga_id} has holes`);
  const illegal = await sim.rows<{ saga_id: string; was: string; became: string }>(
    service,
    `select saga_id, was, became from ramet_saga_log where step is null and was in ('COMPLETED', 'COMPENSATED') and became <> was`,
  );
  for (const { saga_id, was, became } of illegal) say('INV-08', `${saga_id} went from ${was} to ${became}`);
}

interface StepLogRow {
  readonly saga_id: string;
  readonly actor: string;
  readonly step: string | null;
  readonly became: string;
  readonly detail: string | null;
}

const ATTEMPTS = 3;

/** An undo is tried three times and then left to an operator, with one alert; attempts are counted across crashes. */
async function attempts(sim: Simulated, service: string, say: Say): Promise<void> {
  const log = await sim.rows<StepLogRow>(service, 'select saga_id, actor, step, became, detail from ramet_saga_log order by saga_id, seq');
  const alerts = await sim.rows<{ key: string; n: number }>(
    service,
    `select key, count(*) as n from ramet_outbox where event = '${service}.SagaNeedsAttention' group by key`,
  );
  const told = new Map(alerts.map(({ key, n }) => [key, Number(n)]));
  for (const [sagaId, entries] of Map.groupBy(log, ({ saga_id }) => saga_id)) {
    const tried = new Map<string, number>();
    const numbers = new Map<string, number>();
    let givenUp = 0;
    for (const { actor, step, became, detail } of entries) {
      if (actor !== 'engine') {
        tried.clear();
        // When an operator retries it, an undo has three more attempts, however many of the last three were used.
        for (const [name, number] of numbers) numbers.set(name, Math.ceil(number / ATTEMPTS) * ATTEMPTS);
      }
      if (step === null) continue;
      if (became === 'COMP_STARTED') {
        const number = Number(/attempt (\d+)/.exec(detail ?? '')?.[1]);
        if (number !== (numbers.get(step) ?? 0) + 1)
          say('INV-07', `${sagaId}, '${step}': attempt ${number} at its undo follows attempt ${numbers.get(step) ?? 0}`);
        numbers.set(step, number);
        const times = (tried.get(step) ?? 0) + 1;
        tried.set(step, times);
        if (times > ATTEMPTS_MAX) say('INV-07', `${sagaId}, '${step}': its undo was tried ${times} times before anybody was asked`);
      }
      if (became === 'COMP_FAILED') givenUp++;
    }
    if (givenUp > (told.get(sagaId) ?? 0))
      say('INV-07', `${sagaId}: ${givenUp} undos were given up, and an operator was alerted ${told.get(sagaId) ?? 0} times`);
  }
}

async function positions(sim: Simulated, service: string, say: Say): Promise<void> {
  const rows = await sim.rows<{ p: number; pos: number; n: number; least: number }>(
    service,
    'select p, max(pos) as pos, count(*) as n, min(pos) as least from ramet_outbox group by p',
  );
  for (const { p, pos, n, least } of rows)
    if (Number(pos) - Number(least) + 1 !== Number(n)) say('INV-13', `the outbox of ${service}, partition ${p}, has holes below ${pos}`);
}

/** Within a key, a subscriber takes over the events of one source in the order in which they were committed, and handles each once. */
async function handledInOrder(sim: Simulated, system: System, handled: readonly Handled[], say: Say): Promise<void> {
  const places = new Map<string, { source: string; key: string; pos: number }>();
  for (const source of system.services.keys()) {
    for (const row of await sim.rows<{ id: string; key: string; pos: number }>(source, 'select event_id as id, key, pos from ramet_outbox'))
      places.set(row.id, { source, key: row.key, pos: Number(row.pos) });
  }
  const once = new Set<string>();
  for (const { subscriber, eventId } of handled) {
    if (once.has(`${subscriber} ${eventId}`)) say('INV-12', `${subscriber} handled ${eventId} twice`);
    once.add(`${subscriber} ${eventId}`);
  }
  for (const service of system.services.keys()) {
    const last = new Map<string, number>();
    const taken = await sim.rows<{ s: string; id: string }>(
      service,
      'select subscriber as s, event_id as id from ramet_inbox order by rowid',
    );
    for (const { s: subscriber, id } of taken) {
      const place = places.get(id);
      if (!place) {
        say('INV-10', `${subscriber} processed ${id}, which was not committed`);
        continue;
      }
      const lane = `${subscriber} ${place.source} ${place.key}`;
      const before = last.get(lane) ?? 0;
      if (before > place.pos)
        say('INV-11', `${subscriber} took position ${place.pos} of ${place.source} over after ${before} of the same key`);
      last.set(lane, Math.max(place.pos, before));
    }
  }
}

/**
 * The answer to a client's keyed command agrees with what the service has stored. A refusal holds for the request that was refused: a copy
 * of it that arrives when the fault (a full disk) is over may take effect.
 */
async function kept(sim: Simulated, asked: readonly CommandEnd[], twice: ReadonlySet<string>, say: Say): Promise<void> {
  const outcomes = Map.groupBy(asked, ({ service, operation, key }) => `${service} ${operation} ${key}`);
  for (const calls of outcomes.values()) {
    const { service, operation, key } = calls[0] as CommandEnd;
    const [row] = await sim.rows<{ answer: string | null }>(
      service,
      'select answer from ramet_requests where operation in (?, ?) and key = ?',
      operation,
      `${service}.${operation}`,
      key,
    );
    if (calls.some(({ outcome }) => outcome === 'ok') && !row)
      say('INV-17', `${service}.${operation} ${key} was acknowledged and is not there`);
    if (calls.every(({ outcome }) => outcome === 'not executed') && row && !twice.has(`${service}.${operation}`))
      say('INV-18', `${service}.${operation} ${key} was refused, and took effect`);
  }
}

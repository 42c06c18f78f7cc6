import { topicOf } from '../bus/index.ts';
import type { Simulated } from './face.ts';
import type { System } from './world.ts';

const MOVING: readonly (readonly [what: string, from: string])[] = [
  ['sagas are open', "ramet_sagas where state not in ('COMPLETED', 'COMPENSATED')"],
  ['effects are under way', "ramet_fences where state in ('STARTED', 'CANCELLING')"],
  ['events are retried', "ramet_retries where state in ('RETRYING', 'DRAINING')"],
  ['timers are due', "ramet_timers where kind in ('send', 'alert')"],
];
const COUNTS = `select ${MOVING.map(([, from], n) => `(select count(*) from ${from}) as n${n}`).join(', ')}`;

/** Returns what still moves, in words, for the first service in which something does; an empty list when the system is at rest. */
export async function stirring(sim: Simulated, system: System): Promise<string[]> {
  for (const service of system.services.keys()) {
    const [row] = await sim.rows<Record<string, number>>(service, COUNTS);
    const found = MOVING.flatMap(([what], n) => (Number(row?.[`n${n}`]) > 0 ? [`${service}: ${row?.[`n${n}`]} ${what}`] : []));
    if (found.length > 0) return found;
  }
  return unheard(sim, system);
}

/** Counts the events that a subscriber has not taken over. */
export async function unheard(sim: Simulated, system: System): Promise<string[]> {
  const found: string[] = [];
  const published = new Map<string, { id: string; topic: string }[]>();
  for (const service of system.services.keys()) {
    const rows = await sim.rows<{ id: string; topic: string }>(
      service,
      'select event_id as id, event as topic from ramet_outbox order by pos',
    );
    published.set(service, rows);
  }
  for (const [service, { reactions }] of system.services) {
    if (reactions.length === 0) continue;
    const inbox = await sim.rows<{ s: string; id: string }>(service, 'select subscriber as s, event_id as id from ramet_inbox');
    const taken = new Set(inbox.map(({ s, id }) => `${s} ${id}`));
    for (const reaction of reactions) {
      const subscriber = 'subscription' in reaction && reaction.subscription ? `${service}.${reaction.subscription}` : service;
      const topic = topicOf(reaction.event.service, reaction.event.name);
      const missing = (published.get(reaction.event.service) ?? []).filter(
        (row) => row.topic === topic && !taken.has(`${subscriber} ${row.id}`),
      );
      if (missing.length > 0) found.push(`${subscriber}: ${missing.length} of ${topic} not heard, the first is ${missing[0]?.id}`);
    }
  }
  return found;
}

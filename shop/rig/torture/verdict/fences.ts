import { SERVICES } from '../subscriptions.ts';
import { type Check, type Evidence, ordersOf } from './check.ts';
import { type StepRow, sagasOf, stepsOf } from './sagas.ts';

interface Fence {
  readonly step_key: string;
  readonly state: string;
  readonly operation: string;
  readonly result: string | null;
}

/** What an undo may find and leave behind at the participant. */
const AFTER_UNDO: Readonly<Record<StepRow['state'], readonly string[]>> = {
  OK: ['UNDONE'],
  STARTED: ['UNDONE', 'CANCELLED', 'REJECTED'],
  UNKNOWN: ['UNDONE', 'CANCELLED', 'REJECTED'],
  REJECTED: [],
};

const REFUSABLE: ReadonlySet<string> = new Set(['charge', 'refundPart']);

const fencesOf = ({ databases }: Evidence, service: string): Map<string, Fence> =>
  new Map(
    databases.rows<Fence>(service, 'select step_key, state, operation, result from ramet_fences').map((fence) => [fence.step_key, fence]),
  );

export const fences: Check = {
  name: 'fences at the participants agree with the journal of the sagas',
  *violations(evidence) {
    const all = new Map(SERVICES.map((service) => [service, fencesOf(evidence, service)] as const));
    const steps = stepsOf(evidence);
    for (const saga of sagasOf(evidence)) {
      for (const step of steps.get(saga.id) ?? []) {
        const { service } = JSON.parse(step.invocation) as { service: string };
        const own = all.get(service);
        const fence = own?.get(step.step_key);
        const told = `saga ${saga.id} (${saga.business_key}), step '${step.name}' is ${step.state}/${step.comp_state}, its fence in ${service} is ${fence?.state}`;
        if (step.comp_state === 'COMPENSATED') {
          if (!fence || !AFTER_UNDO[step.state].includes(fence.state)) yield told;
        } else if (fence?.state !== (step.state === 'OK' ? 'DONE' : step.state)) yield told;
        const undo = own?.get(`${step.step_key}:undo`);
        if (undo && (undo.state !== 'DONE' || fence?.state !== 'UNDONE')) yield `${told}, that of its undo is ${undo.state}`;
        own?.delete(step.step_key);
        own?.delete(`${step.step_key}:undo`);
      }
    }
    for (const [service, left] of all)
      for (const { step_key, state, operation } of left.values()) {
        if (!step_key.startsWith('req:')) yield `a fence in ${service} belongs to no step: ${step_key} (${operation}, ${state})`;
        // What a reaction sends may be refused: the card of a pre-order, or the refund of a part.
        else if (state !== 'DONE' && !(state === 'REJECTED' && REFUSABLE.has(operation)))
          yield `the effect ${step_key} in ${service} is ${state}`;
      }
  },
};

/** The fence that must stand beside each state of an effect; undefined: none. */
const EFFECTS = [
  {
    service: 'inventory',
    step: 'reserve stock',
    sql: 'select distinct order_id, status from reservations',
    fence: { sold: ['DONE'], reserved: ['DONE'], released: ['UNDONE'], '': [undefined, 'REJECTED', 'CANCELLED'] },
  },
  {
    service: 'payments',
    step: 'charge card',
    sql: 'select order_id, status from payments',
    fence: { captured: ['DONE'], refunded: ['UNDONE'], declined: ['REJECTED', 'CANCELLED'], '': [undefined, 'CANCELLED'] },
  },
  {
    service: 'shipping',
    step: 'book shipment',
    sql: 'select order_id, status from shipments',
    fence: { booked: ['DONE'], cancelled: ['UNDONE'], '': [undefined, 'REJECTED', 'CANCELLED'] },
  },
] as const;

export const effects: Check = {
  name: 'an effect is there if and only if its fence says so',
  *violations(evidence) {
    const sagas = new Map(sagasOf(evidence).map((saga) => [saga.business_key, saga.id]));
    for (const { service, step, sql, fence } of EFFECTS) {
      const stands = fencesOf(evidence, service);
      const status = new Map(
        evidence.databases.rows<{ order_id: string; status: string }>(service, sql).map((row) => [row.order_id, row.status]),
      );
      for (const { order_id } of ordersOf(evidence)) {
        const effect = status.get(order_id) ?? '';
        const state = stands.get(`${sagas.get(order_id)}:${step}`)?.state;
        const allowed: readonly (string | undefined)[] = (fence as Record<string, readonly (string | undefined)[]>)[effect] ?? [];
        if (!allowed.includes(state))
          yield `order ${order_id}: in ${service} the effect is '${effect || 'none'}', its fence ${state ?? 'none'}`;
      }
    }
  },
};

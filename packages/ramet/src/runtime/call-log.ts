import { type EventLog, type Instrument, NO_SPAN } from '../telemetry/index.ts';

const CIRCUIT_EVENTS = { closed: 'circuit_closed', 'half-open': 'circuit_half_opened', open: 'circuit_opened' } as const;

/** Logs what operators must know of calls: circuits that change, and failures that no code awaits. */
export function callLog(log: EventLog): Instrument {
  return {
    spans: false,
    begin: () => NO_SPAN,
    note(note) {
      if (note.what === 'circuit') {
        const { edge, operation, from, to } = note;
        log.event(CIRCUIT_EVENTS[to], { edge, operation, from, to });
      } else if (note.what === 'unawaited') log.event('call_unawaited', { err: note.error, edge: note.edge, operation: note.operation });
    },
  };
}

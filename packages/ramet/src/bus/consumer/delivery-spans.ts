import { DELIVERED_AGAIN, type Instrument, type Span, Works } from '../../telemetry/index.ts';
import type { Envelope } from '../envelope.ts';

/** Announces each attempt at an event as a piece of work: what the reaction causes has it as the parent. */
export class DeliverySpans {
  /** Whether attempts have spans: where they have none, beginning and leaving one does nothing. */
  readonly on: boolean;
  readonly #instrument: Instrument;
  readonly #subscriber: string;
  readonly #works = new Works('delivery', 'subscriber', 'event');
  readonly #open = new WeakMap<Envelope, Span>();

  constructor(instrument: Instrument, subscriber: string) {
    this.on = instrument.spans;
    this.#instrument = instrument;
    this.#subscriber = subscriber;
  }

  /** Begins an attempt. @returns what is passed on: the envelope under its span; the same one where no spans are made */
  begin<D extends { readonly envelope: Envelope }>(delivery: D): D {
    if (!this.on) return delivery;
    const span = this.#begin(delivery.envelope);
    const envelope = { ...delivery.envelope, traceparent: span.under(delivery.envelope).traceparent };
    this.#open.set(envelope, span);
    return { ...delivery, envelope };
  }

  /** Ends an attempt whose outcome is known; one that was never begun, because its handler must not start again, is announced now. */
  end(envelope: Envelope, outcome: string, failure: unknown): void {
    const span = this.#open.get(envelope) ?? this.#begin(envelope);
    this.#open.delete(envelope);
    span.end(outcome, failure);
  }

  /** Ends an attempt that came to nothing, if it is still open: the event is delivered again. */
  leave(envelope: Envelope): void {
    if (!this.on) return;
    this.#open.get(envelope)?.end(DELIVERED_AGAIN);
    this.#open.delete(envelope);
  }

  #begin(envelope: Envelope): Span {
    return this.#instrument.begin(this.#works.of(this.#subscriber, envelope.type), envelope, envelope.id);
  }
}

/**
 * An event as it travels. `docs/events.md` documents this JSON for producers and consumers in other languages.
 */
export interface Envelope {
  /** The same however often the event is delivered. */
  readonly id: string;
  /** `<service>.<event>`, which is also the topic. */
  readonly type: string;
  readonly version: number;
  /** The service that published it. */
  readonly source: string;
  /** Events of one source with the same key are delivered in order. */
  readonly key: string;
  /** When it became true: ISO 8601, in the database time of its source. */
  readonly timestamp: string;
  readonly correlationId: string;
  /** What caused it: the id of an event, or the key of a step or request. */
  readonly causationId?: string;
  readonly traceparent: string;
  /** Whom the work was done for; never a token. */
  readonly initiator?: string;
  /** Whose subject the initiator is: the issuer of the token that named it. */
  readonly initiatorIssuer?: string;
  readonly data: unknown;
}

/** The largest event, its envelope as JSON in UTF-8: as large as what can be sent between processes. */
export const EVENT_MAX_BYTES = 4 * 2 ** 20;

/** Makes the topic of an event: its type. */
export const topicOf = (service: string, event: string): string => `${service}.${event}`;

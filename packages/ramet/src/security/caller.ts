/** Who calls. Made by a gateway from a verified token, or by the runtime for work of its own; never read from a header or a body. */
export interface Caller {
  readonly kind: 'user' | 'service' | 'anonymous';
  readonly subject: string;
  readonly scopes: readonly string[];
  /** Whom a service acts for: the subject that began the saga or caused the event. */
  readonly initiator?: string;
}

export const ANONYMOUS: Caller = { kind: 'anonymous', subject: '', scopes: [] };

/** A service acting by itself, for whoever began the work. */
export const serviceCaller = (service: string, initiator?: string): Caller => ({
  kind: 'service',
  subject: service,
  scopes: [],
  ...(initiator === undefined || initiator === '' ? {} : { initiator }),
});

/** The subject that work is done for: what sagas and events keep. */
export const initiatorOf = (caller: Caller): string => caller.initiator ?? caller.subject;

/** Who calls. Made by a gateway from a verified token, or by the runtime for work of its own; never read from a header or a body. */
export interface Caller {
  readonly kind: 'user' | 'service' | 'anonymous';
  readonly subject: string;
  /** The issuer of the token that names the subject: a user is one subject of one issuer. */
  readonly issuer?: string;
  /**
   * Tells anonymous clients apart, as far as a gateway can: a digest of the client's address (of the /64 for IPv6). Set where the
   * request bears an idempotency key, whose answer must not go to another client.
   */
  readonly client?: string;
  readonly scopes: readonly string[];
  /** Whom a service acts for: the subject that began the saga or caused the event. */
  readonly initiator?: string;
}

export const ANONYMOUS: Caller = { kind: 'anonymous', subject: '', scopes: [] };

/**
 * One text for each caller, to count, lock or remember by: the same subject of two issuers gives two. All anonymous clients have
 * the same one.
 */
export const principalOf = ({ kind, subject, issuer }: Caller): string =>
  issuer === undefined ? `${kind}:${subject}` : `${kind}@${issuer.length}:${issuer}:${subject}`;

/** A service acting by itself, for whoever began the work. */
export const serviceCaller = (service: string, initiator?: string): Caller => ({
  kind: 'service',
  subject: service,
  scopes: [],
  ...(initiator === undefined || initiator === '' ? {} : { initiator }),
});

/** The subject that work is done for: what sagas and events keep. */
export const initiatorOf = (caller: Caller): string => caller.initiator ?? caller.subject;

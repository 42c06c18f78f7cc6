/** Whom work is done for: what sagas, events and sent commands keep of a caller. A user is one subject of one issuer. */
export interface Initiation {
  /** The subject that began the saga or caused the event. */
  readonly initiator?: string;
  /** The issuer of the token that named it; absent where none did, and in what an earlier version wrote. */
  readonly initiatorIssuer?: string;
}

/** Who calls. Made by a gateway from a verified token, or by the runtime for work of its own; never read from a header or a body. */
export interface Caller extends Initiation {
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
}

export const ANONYMOUS: Caller = { kind: 'anonymous', subject: '', scopes: [] };

/**
 * One text for each caller, to count, lock or remember by: the same subject of two issuers gives two. All anonymous clients have
 * the same one.
 */
export const principalOf = ({ kind, subject, issuer }: Caller): string =>
  issuer === undefined ? `${kind}:${subject}` : `${kind}@${issuer.length}:${issuer}:${subject}`;

/** A service acting by itself, for whoever began the work. */
export const serviceCaller = (service: string, { initiator, initiatorIssuer }: Initiation = {}): Caller => ({
  kind: 'service',
  subject: service,
  scopes: [],
  ...initiation(initiator, initiatorIssuer),
});

/** Whom what this caller causes is done for. */
export const initiationOf = ({ subject, issuer, initiator, initiatorIssuer }: Caller): Initiation =>
  initiator === undefined ? initiation(subject, issuer) : initiation(initiator, initiatorIssuer);

const initiation = (initiator: string | undefined, initiatorIssuer: string | undefined): Initiation => {
  if (initiator === undefined || initiator === '') return {};
  return initiatorIssuer === undefined ? { initiator } : { initiator, initiatorIssuer };
};

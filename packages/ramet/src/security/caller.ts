/** The initiator of work: what sagas, events and sent commands keep of a caller. A user is one subject of one issuer. */
export interface Initiation {
  /** The subject that began the saga or caused the event. */
  readonly initiator?: string;
  /** The issuer of the token that named the subject; absent without a token, and in data of an earlier version. */
  readonly initiatorIssuer?: string;
}

/** The caller of an operation. A gateway makes it from a verified token, or the runtime for its own work. It is never read from a header or a body. */
export interface Caller extends Initiation {
  readonly kind: 'user' | 'service' | 'anonymous';
  readonly subject: string;
  /** The issuer of the token that names the subject: a user is one subject of one issuer. */
  readonly issuer?: string;
  /**
   * Distinguishes anonymous clients as far as a gateway can: a digest of the address of the client (of the /64 for IPv6). It is set
   * when the request has an idempotency key, because its answer must not go to another client.
   */
  readonly client?: string;
  readonly scopes: readonly string[];
}

/** The caller of a request without a token. */
export const ANONYMOUS: Caller = { kind: 'anonymous', subject: '', scopes: [] };

/**
 * Writes one text for each caller, as a key for counting, locking or remembering. The same subject of two issuers gives two texts;
 * all anonymous clients share one.
 */
export const principalOf = ({ kind, subject, issuer }: Caller): string =>
  issuer === undefined ? `${kind}:${subject}` : `${kind}@${issuer.length}:${issuer}:${subject}`;

/** Makes the caller for a service that acts on its own, on behalf of the initiator of the work. */
export const serviceCaller = (service: string, { initiator, initiatorIssuer }: Initiation = {}): Caller => ({
  kind: 'service',
  subject: service,
  scopes: [],
  ...initiation(initiator, initiatorIssuer),
});

/** Finds the initiator of the work that this caller causes. */
export const initiationOf = ({ subject, issuer, initiator, initiatorIssuer }: Caller): Initiation =>
  initiator === undefined ? initiation(subject, issuer) : initiation(initiator, initiatorIssuer);

const initiation = (initiator: string | undefined, initiatorIssuer: string | undefined): Initiation => {
  if (initiator === undefined || initiator === '') return {};
  return initiatorIssuer === undefined ? { initiator } : { initiator, initiatorIssuer };
};

import { RametError } from '../../errors/index.ts';

/** Codes of the client's errors that say that a broker cannot be reached or does not answer. */
const AWAY = new Set(['PLT_KFK_NETWORK', 'PLT_KFK_TIMEOUT']);
/** What Kafka calls worth another try although a person has to look. */
const LASTING = new Set(['CORRUPT_MESSAGE']);
/** Brokers refuse the credentials: no later attempt can succeed. */
const REFUSED_IDS = new Set(['SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE']);
/** The client wraps an error in one for all brokers, and that in one for all attempts. */
const DEPTH_MAX = 6;

/** An error as the client throws it. */
interface ClientError extends Error {
  readonly code?: string;
  readonly apiId?: string;
  readonly canRetry?: boolean;
  readonly needsRejoin?: boolean;
  readonly errors?: readonly unknown[];
}

/**
 * @returns `Unavailable` where brokers cannot be reached, or cannot do something yet, as after a restart: this passes without a
 *   person; any other error as it is
 */
export function asUnavailable(error: unknown): unknown {
  const passing = within(error, passes);
  if (!passing) return error;
  const what = AWAY.has(passing.code ?? '') ? 'cannot be reached' : 'is not ready';
  return new RametError('Unavailable', `Kafka ${what}: ${passing.message}`, { cause: passing });
}

/** @returns what brokers refuse for good as `Misconfigured`, which a person has to correct; else as {@link asUnavailable} */
export function asBootError(error: unknown): unknown {
  const refused = within(error, ({ code, apiId = '' }) => code === 'PLT_KFK_AUTHENTICATION' || REFUSED_IDS.has(apiId));
  if (!refused) return asUnavailable(error);
  return new RametError('Misconfigured', `Kafka refuses the credentials (${refused.message}): correct 'sasl' of the bus`, {
    cause: refused,
  });
}

const passes = ({ code, apiId, canRetry, needsRejoin }: ClientError): boolean =>
  AWAY.has(code ?? '') || (apiId !== undefined && (canRetry || needsRejoin) === true && !LASTING.has(apiId));

function within(error: unknown, is: (error: ClientError) => boolean, depth = DEPTH_MAX): ClientError | undefined {
  if (!(error instanceof Error) || depth === 0) return undefined;
  const known: ClientError = error;
  if (is(known)) return known;
  for (const inner of [...(known.errors ?? []), known.cause]) {
    const found = within(inner, is, depth - 1);
    if (found) return found;
  }
  return undefined;
}

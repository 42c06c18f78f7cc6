import { RametError } from '../../errors/index.ts';

/** Codes of the client's errors that say that a broker cannot be reached or does not answer. */
const AWAY = new Set(['PLT_KFK_NETWORK', 'PLT_KFK_TIMEOUT']);
/** What Kafka calls worth another try although a person has to look. */
const LASTING = new Set(['CORRUPT_MESSAGE']);
/** An error of the client stands in one for all brokers, which stands in one for all tries. */
const DEPTH_MAX = 6;

/** An error as the client tells it. */
interface Told extends Error {
  readonly code?: string;
  readonly apiId?: string;
  readonly canRetry?: boolean;
  readonly needsRejoin?: boolean;
  readonly errors?: readonly unknown[];
}

/**
 * @returns what the client said of brokers that are away, and of what brokers cannot do yet, as after a restart, as
 *   `Unavailable`, which comes back by itself; any other error as it is
 */
export function asUnavailable(error: unknown): unknown {
  const passing = passingIn(error, DEPTH_MAX);
  if (!passing) return error;
  const what = AWAY.has(passing.code ?? '') ? 'cannot be reached' : 'is not ready';
  return new RametError('Unavailable', `Kafka ${what}: ${passing.message}`, { cause: passing });
}

function passingIn(error: unknown, depth: number): Told | undefined {
  if (!(error instanceof Error) || depth === 0) return undefined;
  const told: Told = error;
  if (AWAY.has(told.code ?? '')) return told;
  if (told.apiId !== undefined && (told.canRetry || told.needsRejoin) && !LASTING.has(told.apiId)) return told;
  for (const within of [...(told.errors ?? []), told.cause]) {
    const found = passingIn(within, depth - 1);
    if (found) return found;
  }
  return undefined;
}

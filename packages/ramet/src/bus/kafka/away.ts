import { RametError } from '../../errors/index.ts';

/** Codes of the client's errors that say that a broker cannot be reached or does not answer. */
const AWAY = new Set(['PLT_KFK_NETWORK', 'PLT_KFK_TIMEOUT']);
/** An error of the client stands in one for all brokers, which stands in one for all tries. */
const DEPTH_MAX = 5;

/**
 * @returns what the client said of brokers that are away as `Unavailable`, which comes back by itself; any other error as it is
 */
export function asUnavailable(error: unknown): unknown {
  const away = awayIn(error, DEPTH_MAX);
  return away ? new RametError('Unavailable', `Kafka cannot be reached: ${away.message}`, { cause: away }) : error;
}

function awayIn(error: unknown, depth: number): Error | undefined {
  if (!(error instanceof Error) || depth === 0) return undefined;
  const { code, errors, cause } = error as Error & { code?: string; errors?: readonly unknown[] };
  if (code !== undefined && AWAY.has(code)) return error;
  for (const within of [...(errors ?? []), cause]) {
    const found = awayIn(within, depth - 1);
    if (found) return found;
  }
  return undefined;
}

import type { Kysely } from 'kysely';
import { RametError } from '../errors/index.ts';
import type { StoreEnvironment } from './factory.ts';
import { noting, shortened } from './failed-statement.ts';
import { InFlight } from './in-flight.ts';
import type { Reads } from './store.ts';

/** Wraps each query of a call: counts it, and records its failure. */
export type Around = <R>(sql: string, ask: () => Promise<R>) => Promise<R>;

/**
 * Begins the queries of one call.
 * @param open makes a Kysely whose queries run inside `around`
 * @param handler the handler that reads, as `orders.find`
 */
export function readsOf(open: (around: Around) => Kysely<any>, environment: StoreEnvironment, service: string, handler: string): Reads {
  const { timers } = environment.platform;
  const inFlight = new InFlight(() => timers.yield());
  let failures = 0;
  let unawaited: { readonly error: unknown; readonly statement: string } | undefined;
  const note = noting(environment, service, handler, (error, statement) => {
    unawaited ??= { error, statement };
  });
  const around: Around = async (sql, ask) => {
    inFlight.change(1);
    try {
      return await ask();
    } catch (error) {
      failures++;
      throw note(error, sql);
    } finally {
      inFlight.change(-1);
    }
  };
  const ended = async (settled: Promise<void> | undefined) => {
    await settled;
    // One turn later it is known whether any code awaits the failed query.
    if (failures > 0) await timers.yield();
    if (unawaited)
      throw new RametError(
        'Internal',
        `'${handler}' did not await a query that failed: ${messageOf(unawaited.error)} [${shortened(unawaited.statement)}]`,
        {
          cause: unawaited.error,
        },
      );
  };
  return {
    db: open(around),
    ended() {
      const settled = inFlight.settled();
      return settled || failures > 0 ? ended(settled) : undefined;
    },
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

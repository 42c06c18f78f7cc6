import { DAY, MINUTE, Periodic, type Platform, SECOND } from '../../platform/index.ts';
import { Edges, type Outbound, type TransportRoutes } from '../../rpc/index.ts';
import { serviceCaller } from '../../security/index.ts';
import type { Store } from '../../store/index.ts';
import { newTrace } from '../../telemetry/index.ts';
import type { Invocation } from '../saga.ts';
import { FENCES_KEPT } from '../tables.ts';

/** The call by which an owner notifies participants of ended sagas; no operation of a contract can have this name. */
export const SAGAS_ENDED = 'ramet:sagas-ended';
/** How many steps one such call may name. */
export const ENDED_AT_ONCE = 200;
/** How long a saga is kept after its end, with its steps and its log (default). */
export const KEEP_SAGAS_MS = 90 * DAY;

const EVERY_MS = 10 * MINUTE;
/** Sagas per round, and per transaction. */
const SAGAS_AT_ONCE = 100;
const PLACES = Array(SAGAS_AT_ONCE).fill('?').join(', ');
/** How long until a participant that did not answer is notified again. */
const AGAIN_MS = 30 * MINUTE;
/**
 * How long a saga's key is noted before the saga is deleted. By then, every start that looked for the key before it was noted has
 * found the saga itself.
 */
const NOTED_MS = 5 * SECOND;

interface PastSagasOptions {
  readonly platform: Platform;
  readonly store: Store;
  readonly service: string;
  readonly transport: TransportRoutes;
  readonly outbound: Outbound;
  /** How long sagas are kept after their end; undefined means for ever. */
  readonly keepMs: number | undefined;
  readonly onError: (error: unknown) => void;
}

interface EndedSaga {
  readonly id: string;
  readonly ago: number;
}

/**
 * Cleans up after sagas that have ended. When no request of a saga can be on its way any more, its participants are notified, many
 * sagas in one call, and forget its fences. Later the saga is deleted with its steps and its log, but never before all participants
 * were notified. Its key stays, so that it does not start again.
 */
export class PastSagas {
  readonly #options: PastSagasOptions;
  readonly #loop: Periodic;
  readonly #edges: Edges;
  /** The sagas whose keys were noted in the previous round. */
  #noted: readonly string[] = [];

  constructor(options: PastSagasOptions) {
    this.#options = options;
    this.#edges = new Edges(options.transport, options.outbound);
    this.#loop = new Periodic(options.platform, () => this.#round(), options.onError);
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #round(): Promise<number> {
    const moreToNotify = await this.#notify();
    const moreToDelete = await this.#delete();
    if (moreToNotify) return 0;
    return moreToDelete ? NOTED_MS : EVERY_MS;
  }

  /** Notifies the participants. @returns whether there may be more to notify */
  async #notify(): Promise<boolean> {
    const { store } = this.#options;
    const ended = await store.reader.all<EndedSaga>(
      `select id, ramet_now() - ended_at as ago from ramet_sagas where notice_at is not null and notice_at <= ramet_now()
       order by notice_at limit ${SAGAS_AT_ONCE}`,
    );
    if (ended.length === 0) return false;
    const steps = await store.reader.all<{ saga_id: string; step_key: string; invocation: string }>(
      `select saga_id, step_key, invocation from ramet_saga_steps where saga_id in (${PLACES}) and kind in ('step', 'pivot')`,
      ...padded(ended.map(({ id }) => id)),
    );
    const unheard = new Set<string>();
    const byService = Map.groupBy(steps, ({ invocation }) => (JSON.parse(invocation) as Invocation).service);
    await Promise.all(
      [...byService].map(async ([service, asked]) => {
        for (let from = 0; from < asked.length; from += ENDED_AT_ONCE) {
          const some = asked.slice(from, from + ENDED_AT_ONCE);
          if (
            await this.#call(
              service,
              some.map(({ step_key }) => step_key),
            )
          )
            continue;
          // A participant that is unavailable now need not be called for the rest.
          for (const { saga_id } of asked.slice(from)) unheard.add(saga_id);
          return;
        }
      }),
    );
    // By then, a participant that was never reached has forgotten the saga anyway.
    const isDone = ({ id, ago }: EndedSaga) => !unheard.has(id) || Number(ago) > FENCES_KEPT.unheardMs;
    const notified = ended.filter(isDone).map(({ id }) => id);
    const later = ended.filter((saga) => !isDone(saga)).map(({ id }) => id);
    await store.write(
      async (tx) => {
        if (notified.length > 0) await tx.run(`update ramet_sagas set notice_at = null where id in (${PLACES})`, ...padded(notified));
        if (later.length > 0)
          await tx.run(`update ramet_sagas set notice_at = ramet_now() + ${AGAIN_MS} where id in (${PLACES})`, ...padded(later));
      },
      { name: 'ended sagas' },
    );
    return ended.length === SAGAS_AT_ONCE;
  }

  /** Notifies one participant. One of an earlier version does not know this call; it is notified again later. */
  async #call(service: string, steps: readonly string[]): Promise<boolean> {
    const { platform, service: self } = this.#options;
    const reply = await this.#edges.to(service).call(
      { kind: 'command', service, name: SAGAS_ENDED },
      { steps },
      {
        meta: { caller: serviceCaller(self), trace: newTrace(platform, {}), depth: 0 },
        remainingMs: () => Number.POSITIVE_INFINITY,
        signal: undefined,
      },
    );
    return reply.ok;
  }

  /** Deletes the sagas whose keys were noted in the previous round, and notes the keys of the next. @returns whether there are any */
  async #delete(): Promise<boolean> {
    const { store, keepMs } = this.#options;
    if (keepMs === undefined) return false;
    const ids = padded(this.#noted);
    if (this.#noted.length > 0)
      await store.write(
        async (tx) => {
          await tx.run(`delete from ramet_saga_log where saga_id in (${PLACES})`, ...ids);
          await tx.run(`delete from ramet_saga_steps where saga_id in (${PLACES})`, ...ids);
          await tx.run(`delete from ramet_sagas where id in (${PLACES})`, ...ids);
        },
        { name: 'retention' },
      );
    this.#noted = await store.write(
      async (tx) => {
        const past = await tx.all<{ id: string }>(
          `select id from ramet_sagas where ended_at < ramet_now() - ? and ended_at is not null and notice_at is null
           order by ended_at limit ${SAGAS_AT_ONCE}`,
          Math.round(keepMs),
        );
        if (past.length > 0)
          await tx.run(
            `insert into ramet_saga_keys (type, business_key, saga_id, state, at)
             select type, business_key, id, state, ramet_now() from ramet_sagas where id in (${PLACES}) on conflict do nothing`,
            ...padded(past.map(({ id }) => id)),
          );
        return past.map(({ id }) => id);
      },
      { name: 'retention' },
    );
    return this.#noted.length > 0;
  }
}

const padded = (ids: readonly string[]): (string | null)[] => Array.from({ length: SAGAS_AT_ONCE }, (_, i) => ids[i] ?? null);

import { RametError } from '../errors/index.ts';
import { type Cancellation, Canceller, type Dispatcher, fault, type Reply, type Transport } from '../rpc/index.ts';
import type { FaultPlan, PlannedFault } from './faults.ts';
import { Keyed, logUniform } from './keyed.ts';
import type { Owner, Scheduler } from './scheduler.ts';

/** The longest delay of a late message, in milliseconds. */
const LATE_MAX_MS = 30_000;
/** How long a connection to a machine that has ended takes to fail. */
const REFUSED_MS = 1;

/** One end of a link: a process, a client, or a system outside. */
export interface End extends Owner {
  /** The name that faults use: it outlives incarnations. */
  readonly host: string;
  /** Called where a message leaves or arrives. @returns false when the process ends there */
  passes?(site: string): boolean;
}

/** The outcome of a request: an answer, or the end of the connection. Neither, if a message was lost. */
export type Delivered<T> = { readonly answer: T } | { readonly broken: 'before' | 'after' };

/**
 * The network: messages between ends take time, arrive late, twice or never, and links break. Everything that leaves a simulated process
 * passes through it. A process that has ended neither sends nor receives.
 */
export class Network {
  readonly #scheduler: Scheduler;
  readonly #faults: FaultPlan;
  readonly #keyed: Keyed;
  readonly #cuts = new Map<string, number>();
  /** When the last request arrives, or arrived. */
  lastArrivalMs = 0;
  readonly #open = new Set<{ readonly to: End; broke(): void; settled(): boolean }>();

  constructor(seed: string, scheduler: Scheduler, faults: FaultPlan) {
    this.#scheduler = scheduler;
    this.#faults = faults;
    this.#keyed = new Keyed(`${seed}|network`);
  }

  /** Cuts the link between two hosts for a while. */
  cut(a: string, b: string, forMs: number): void {
    this.#cuts.set(linkOf(a, b), this.#scheduler.now + forMs);
  }

  heal(): void {
    this.#cuts.clear();
  }

  /**
   * Sends a request from one end to the process that is at the other end when it arrives.
   * @param answer answers at the other end; may be called twice, and long after the sender has given up
   * @param done called at most once, if the sender still lives
   */
  send<T>(
    from: End,
    to: { readonly host: string; readonly lateMaxMs?: number; end(): End | undefined },
    what: string,
    answer: (end: End) => Promise<T>,
    done: (delivered: Delivered<T>) => void,
  ): void {
    const { lateMaxMs = LATE_MAX_MS } = to;
    if (from.passes?.(`sends ${what}`) === false) return;
    const link = `${from.host}>${to.host}`;
    const site = `${link}.${what}`;
    let settled = false;
    const tell = (delayMs: number, delivered: Delivered<T>) =>
      void this.#scheduler.after(delayMs, from, `${'answer' in delivered ? 'answer' : `broken ${delivered.broken}`} ${site}`, () => {
        if (settled) return;
        settled = true;
        done(delivered);
      });
    const strikes = (kind: Parameters<FaultPlan['at']>[0]): PlannedFault | undefined => this.#faults.at(kind, site);
    if (this.#isCut(from.host, to.host) || strikes('refuse')) {
      tell(REFUSED_MS, { broken: 'before' });
      return;
    }
    const deliver = (delayMs: number, copy: 'first' | 'second') => {
      this.lastArrivalMs = Math.max(this.lastArrivalMs, this.#scheduler.now + delayMs);
      void this.#scheduler.after(delayMs, undefined, `arrives ${site}`, () => {
        const end = to.end();
        if (!end?.alive) {
          if (copy === 'first') tell(REFUSED_MS, { broken: 'before' });
          return;
        }
        // Only what has arrived can arrive again.
        const twice = copy === 'first' ? strikes('duplicate') : undefined;
        if (twice) deliver(lateness(twice, lateMaxMs), 'second');
        // The receiver's own clock and its pauses begin here.
        void this.#scheduler.after(0, end, `received ${site}`, () => {
          if (end.passes?.(`receives ${what}`) === false) return;
          answer(end).then(
            (value) => {
              if (!end.alive || copy === 'second' || strikes('lose-reply')) return;
              const late = strikes('late-reply');
              tell(this.#latency(link) + lateness(late, lateMaxMs), { answer: value });
            },
            () => {
              if (end.alive && copy === 'first') tell(this.#latency(link), { broken: 'after' });
            },
          );
        });
        if (copy === 'first')
          this.#open.add({ to: end, broke: () => tell(REFUSED_MS, { broken: 'after' }), settled: () => settled || !from.alive });
      });
    };
    if (strikes('reset')) tell(this.#latency(link), { broken: 'after' });
    if (strikes('lose-request')) return;
    deliver(this.#latency(link) + lateness(strikes('late-request'), lateMaxMs), 'first');
  }

  /** Breaks the connections of callers that wait for an answer of a process that has ended. */
  lost(): void {
    for (const connection of this.#open) {
      if (!connection.to.alive && !connection.settled()) connection.broke();
      if (!connection.to.alive || connection.settled()) this.#open.delete(connection);
    }
  }

  #isCut(a: string, b: string): boolean {
    return (this.#cuts.get(linkOf(a, b)) ?? 0) > this.#scheduler.now;
  }

  /** Draws a delay: around half a millisecond, sometimes much more. */
  #latency(link: string): number {
    const u = this.#keyed.next(link);
    return 0.1 + 0.4 * (-Math.log(1 - u)) ** 1.5;
  }
}

const linkOf = (a: string, b: string): string => (a < b ? `${a}|${b}` : `${b}|${a}`);
const lateness = (late: PlannedFault | undefined, mostMs: number): number => (late ? logUniform(late.roll('how late'), 10, mostMs) : 0);

/** Copies a value as a wire does. */
const wired = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value)));

/** Makes the transport of one end: calls to what `local` hosts stay inside, others cross the network. */
export function networkTransport(
  network: Network,
  from: () => End,
  hosts: (
    service: string,
  ) => { readonly host: string; end(): (End & { dispatcher(service: string): Dispatcher | undefined }) | undefined } | 'here',
  local: Transport | undefined,
): Transport {
  return {
    capabilities: { name: 'simulated', remote: true, streams: true },
    call(target, input, meta, cancellation) {
      const place = hosts(target.service);
      if (place === 'here') return (local as Transport).call(target, input, meta, cancellation);
      const sent = wired({ input, meta });
      const canceller = new Canceller();
      return new Promise<Reply>((resolve) => {
        network.send<Reply>(
          from(),
          place,
          `${target.service}.${target.operation}`,
          async (end) => {
            const dispatcher = (end as ReturnType<typeof place.end>)?.dispatcher(target.service);
            if (!dispatcher) return fault(new RametError('Unavailable', `${end.name} is not ready`, { executed: 'no' }));
            return wired(await dispatcher.call(target.operation, wired(sent.input), sent.meta, canceller));
          },
          (delivered) => {
            if ('answer' in delivered) return resolve(delivered.answer);
            const executed = delivered.broken === 'before' ? 'no' : 'unknown';
            resolve(fault(new RametError('Unavailable', `the connection to '${target.service}' broke`, { executed })));
          },
        );
        followAbort(cancellation, () => canceller.cancel(new RametError('Cancelled')));
      });
    },
    async *stream(target, input, meta, cancellation) {
      const place = hosts(target.service);
      if (place === 'here') return yield* (local as Transport).stream(target, input, meta, cancellation);
      const end = place.end();
      const dispatcher = end?.alive ? end.dispatcher(target.service) : undefined;
      if (!dispatcher) return yield fault(new RametError('Unavailable', `'${target.service}' cannot be reached`, { executed: 'no' }));
      for await (const reply of dispatcher.stream(target.operation, wired(input), wired(meta), cancellation)) {
        if (!end?.alive) return yield fault(new RametError('Unavailable', `the connection to '${target.service}' broke`));
        yield wired(reply);
      }
    },
  };
}

function followAbort({ signal }: Cancellation, abort: () => void): void {
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
}

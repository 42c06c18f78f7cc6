import { RametError } from '../../errors/index.ts';
import { Periodic } from '../../platform/index.ts';
import { type Instrument, type Span, Works } from '../../telemetry/index.ts';
import type { Envelope } from '../envelope.ts';
import type { BusEnvironment } from '../factory.ts';
import { KeyLanes } from '../key-lanes.ts';
import type { Outbox, OutboxRow } from './outbox.ts';

const BATCH_MAX = 500;
/** Characters of events that are brought at once, unless one alone has more: a broker takes a batch as it takes an event, up to a size. */
const BATCH_MAX_CHARS = 2 ** 20;
/** How many partitions are brought at once. */
const LANES = 4;
/** How often a process looks for events without a wake-up: a replica that has ended may have left some. */
const POLL_MS = 3_000;

/** Where a relay brings events. */
export interface RelayTarget {
  /** Makes the source known there. */
  open(): Promise<void>;
  /** Up to which position each partition is there of which some is. */
  relayed(): Promise<ReadonlyMap<number, number>>;
  /** Up to which position partition `p` is there, when this process may add what follows; undefined while another one does that. */
  end(p: number): Promise<number | undefined>;
  /** Lets partition `p`, of which nothing is there, begin behind `pos`. */
  beginAt(p: number, pos: number): Promise<void>;
  /**
   * Adds the events that follow `after`, in their order; durable when this resolves.
   * @returns where the partition ends now: elsewhere than expected when another process was faster; undefined as for {@link end}
   */
  add(p: number, after: number, rows: readonly OutboxRow[]): Promise<number | undefined>;
}

/**
 * Brings the events of one source to where others read them, from the process that hosts it, in the order of each partition.
 * What is there already is asked of the target, so that nothing is forgotten; any number of replicas may do it at once.
 */
export class Relay {
  readonly #environment: BusEnvironment;
  readonly #outbox: Outbox;
  readonly #target: RelayTarget;
  readonly #loop: Periodic;
  readonly #forget: () => void;
  readonly #works = new Works('relay', 'source', 'event');
  /** Where each partition ends at the target, as far as is known. */
  readonly #ends = new Map<number, number>();
  readonly #stopped = new Set<number>();
  #woken = new Set<number>();
  #opened = false;
  #allAtMono = 0;

  constructor(environment: BusEnvironment, outbox: Outbox, target: RelayTarget) {
    this.#environment = environment;
    this.#outbox = outbox;
    this.#target = target;
    this.#loop = new Periodic(
      environment.platform,
      () => this.#round(),
      (error) => this.#report(error),
    );
    this.#forget = outbox.onAppend((partitions) => {
      if (!partitions) this.#allAtMono = 0;
      for (const p of partitions ?? []) this.#woken.add(p);
      this.#loop.wake();
    });
    this.#loop.start();
  }

  /** Ends when what is under way has arrived. The rest stays in the outbox. */
  async stop(): Promise<void> {
    this.#forget();
    await this.#loop.stop();
  }

  async #round(): Promise<number> {
    const { clock, random } = this.#environment.platform;
    if (!this.#opened) {
      await this.#target.open();
      this.#opened = true;
    }
    const grown = this.#woken;
    this.#woken = new Set();
    try {
      if (clock.monoNow() >= this.#allAtMono) {
        this.#allAtMono = clock.monoNow() + POLL_MS * (0.5 + random.next());
        for (const p of await this.#behind()) grown.add(p);
      }
      await new KeyLanes(LANES).run([...grown], String, (p) => this.#copy(p));
    } catch (error) {
      // All partitions are looked at again, and their ends are read from the target.
      this.#allAtMono = 0;
      this.#ends.clear();
      throw error;
    }
    return Math.max(1, this.#allAtMono - clock.monoNow());
  }

  /** The partitions of which something is not at the target yet. */
  async #behind(): Promise<number[]> {
    const relayed = await this.#target.relayed();
    const ends = await this.#outbox.ends();
    for (const [p, pos] of relayed) {
      const head = ends.find((end) => end.p === p)?.head ?? 0;
      if (head < pos && !this.#stopped.has(p))
        this.#stop(p, `ends at ${head}, but ${pos} of its events have been published; restore all stores from the same moment`);
    }
    for (const { p, prunedTo } of ends) if (prunedTo > 0 && (relayed.get(p) ?? 0) === 0) await this.#target.beginAt(p, prunedTo);
    return ends.filter(({ p, head }) => head > (relayed.get(p) ?? 0)).map(({ p }) => p);
  }

  /** Brings what partition `p` has behind its end at the target. */
  async #copy(p: number): Promise<void> {
    const { platform } = this.#environment;
    while (!this.#stopped.has(p)) {
      const after = this.#ends.get(p) ?? (await this.#target.end(p));
      if (after === undefined) return;
      this.#ends.set(p, after);
      const rows = await this.#read(p, after);
      if (rows === undefined) continue;
      if (rows.length === 0) return;
      const stop = platform.point('relay.read');
      if (stop) await stop;
      const end = await this.#add(p, after, someOf(rows));
      if (end === undefined) return void this.#ends.delete(p);
      this.#ends.set(p, end);
      if (rows.length < BATCH_MAX && end === after + rows.length) return;
    }
  }

  /** Brings events, each as a child of its relay where spans are made. */
  async #add(p: number, after: number, rows: readonly OutboxRow[]): Promise<number | undefined> {
    const { instrument } = this.#environment;
    if (!instrument?.spans) return this.#target.add(p, after, rows);
    const relayed = rows.map((row) => this.#relayed(row, instrument));
    try {
      const end = await this.#target.add(
        p,
        after,
        relayed.map(({ row }) => row),
      );
      for (const { span } of relayed) span.end(end === undefined ? 'elsewhere' : 'ok');
      return end;
    } catch (error) {
      for (const { span } of relayed) span.end('failed', error);
      throw error;
    }
  }

  #relayed(row: OutboxRow, instrument: Instrument): { readonly row: OutboxRow; readonly span: Span } {
    const envelope = JSON.parse(row.envelope) as Envelope;
    const span = instrument.begin(this.#works.of(this.#outbox.service, row.type), envelope, envelope.id);
    const { traceparent } = span.under(envelope);
    return { row: { ...row, envelope: JSON.stringify({ ...envelope, traceparent }) }, span };
  }

  /** @returns undefined when the end was not where it was thought to be */
  async #read(p: number, after: number): Promise<OutboxRow[] | undefined> {
    const { service } = this.#outbox;
    try {
      return await this.#outbox.read(p, after, BATCH_MAX);
    } catch (error) {
      if (!(error instanceof RametError) || error.code !== 'PositionGap') throw error;
      // Another replica may have brought these, and pruned them since.
      if (((await this.#target.relayed()).get(p) ?? 0) > after) return void this.#ends.delete(p);
      return this.#stop(p, `has lost events behind ${after}, of '${service}', that were not published: ${error.message}`);
    }
  }

  /** Nothing more of this partition is published until a person has looked. */
  #stop(p: number, why: string): undefined {
    this.#stopped.add(p);
    this.#report(new RametError('PositionGap', `the outbox of '${this.#outbox.service}', partition ${p}, ${why}`));
    return undefined;
  }

  #report(error: unknown): void {
    this.#environment.onError(error, { source: this.#outbox.service, doing: 'relay' });
  }
}

/** The first of these, as many as are brought at once. */
function someOf(rows: readonly OutboxRow[]): readonly OutboxRow[] {
  let chars = 0;
  const end = rows.findIndex(({ envelope }, i) => {
    chars += envelope.length;
    return i > 0 && chars > BATCH_MAX_CHARS;
  });
  return end < 0 ? rows : rows.slice(0, end);
}

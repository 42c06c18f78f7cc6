/**
 * Terms. A *row* is one line of the targets: some work, measured for us and for those we are compared with. A *contender* is
 * one way to do the work, in a separate process, so that no contender runs on code that another one has made slow or fast. A *round*
 * is one turn of one contender; rounds of all contenders of a row take turns. A *figure* is what a round measures.
 */
export interface Row {
  /** As in the targets: `1.3`. */
  readonly id: string;
  readonly title: string;
  readonly figures: Readonly<Record<string, Figure>>;
  readonly contenders: readonly Contender[];
  readonly targets: readonly Target[];
  /** Whether it is measured with a slow flush too: everything that commits. */
  readonly commits: boolean;
  /** What must be said beside the numbers. */
  readonly notes?: readonly string[];
  /** Rounds, where fewer or more than usual are wanted. */
  readonly rounds?: number;
}

export interface Figure {
  readonly unit: string;
  readonly better: 'higher' | 'lower';
}

export interface Contender {
  readonly name: string;
  /** *limit*: the same work by hand, without validation, tracing or error handling. */
  readonly role: 'ours' | 'peer' | 'limit';
  /** The module that starts it: its default export is a {@link Start}. */
  readonly module: URL;
  /** Handed to {@link Start}. */
  readonly variant?: string;
  readonly needs?: ServerName;
  /** Why a slow flush cannot be given to it; it then runs on the disk as it is only. */
  readonly noSlowFlush?: string;
}

/** Servers that peers need, each started once per flush. */
export type ServerName = 'postgres' | 'redis' | 'redis-always' | 'kafka';

export interface Target {
  readonly figure: string;
  /** Ours; default: the first contender whose role is 'ours'. */
  readonly of?: string;
  /** The contender compared with; without it the bound is on the figure itself. */
  readonly to?: string;
  /** At most, or at least, by the figure's direction: a ratio ours / peer where `to` is given. */
  readonly bound: number;
  /** On the disk as it is (default), with the slow flush, or both. */
  readonly flush?: 'disk' | 'slow';
  /** Subtracted from ours before it is judged: the figure of this contender. */
  readonly beside?: string;
}

export type Figures = Record<string, number>;

/** A contender that has started. */
export interface Running {
  /** Measures once. */
  round(): Promise<Figures>;
  close(): Promise<void>;
}

export interface StartOptions {
  /** A folder of its own, gone afterwards. */
  readonly folder: string;
  readonly variant: string | undefined;
  /** Of the server it needs. */
  readonly server: string | undefined;
  /** How long a round measures each thing, in milliseconds. */
  readonly forMs: number;
  /** The environment that makes flushes slow, for processes that the contender starts itself. */
  readonly flushEnv: Readonly<Record<string, string>>;
}

export type Start = (options: StartOptions) => Promise<Running>;

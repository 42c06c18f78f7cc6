import { type Logger, pino } from 'pino';
import { LOG_EVENTS, type LogEvent } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { createCleaner, maskCardNumbers } from './log-mask.ts';
import { type BoundedSink, createBoundedSink, type LogWriter, standardError } from './log-sink.ts';

/** The levels, from the least to the most important. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
/** From which level on lines are written. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Writes lines for machines: fields first, then what happened in plain words. Secrets among the fields are removed. */
export interface Log {
  trace(fields: object, message?: string): void;
  debug(fields: object, message?: string): void;
  info(fields: object, message?: string): void;
  warn(fields: object, message?: string): void;
  error(fields: object, message?: string): void;
  /**
   * Makes a log whose lines all carry `fields` too. The fields are read at its first line; until then it costs almost nothing, so make
   * one for each request.
   */
  child(fields: object): Log;
  readonly level: LogLevel;
}

/** The log of the framework: each of its lines is an event of the table, with its level and its text. */
export interface EventLog extends Log {
  /**
   * Writes one event.
   * @param detail what the text alone cannot say, such as the advice of a check at boot
   */
  event(event: LogEvent, fields: object, detail?: string): void;
  child(fields: object): EventLog;
  /**
   * Makes the log that a handler of the user receives. It carries `fields`, and cannot change by which values a line is found: what a
   * handler calls like a field of {@link RESERVED} gets a `_` after its name.
   */
  forHandler(fields: object): Log;
}

/** The log of a process; its owner flushes it on shutdown. */
export interface RootLog extends EventLog {
  /** Waits until the lines so far are written or lost, `timeoutMs` at most. */
  flush(timeoutMs?: number): Promise<void>;
  /** Lines lost because the destination was slow or refused them. */
  readonly dropped: number;
}

/** The process that a log belongs to, and where its lines go. */
export interface LogOptions {
  readonly platform: Platform;
  readonly service: string;
  readonly version: string;
  readonly env: string;
  readonly level?: LogLevel | undefined;
  /** Takes the lines instead of standard error. */
  readonly destination?: LogWriter | undefined;
  readonly maxBufferBytes?: number | undefined;
}

type Written = Exclude<LogLevel, 'silent'>;

/** By these fields lines are searched and operators are alerted, so that only the framework writes them. */
const RESERVED = ['service', 'version', 'env', 'event', 'correlationId'] as const;

const RANK: Readonly<Record<LogLevel, number>> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, silent: 99 };
const MIB = 1024 * 1024;
const FLUSH_MS = 1_000;

/** Whether text, such as the value of LOG_LEVEL, names a level. */
export function isLogLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text);
}

/** Makes the log of a process: one JSON object a line, to standard error, without ever blocking or throwing. */
export function createLog(options: LogOptions): RootLog {
  const { platform, service, version, env, level = 'info', destination = standardError(), maxBufferBytes = MIB } = options;
  const now = isoClock(platform);
  const base = { service, version, env };
  const sink = createBoundedSink(destination, {
    maxBufferBytes,
    notice: (dropped) => {
      const event: LogEvent = 'log_lines_lost';
      const { level, text } = LOG_EVENTS[event];
      return `${JSON.stringify({ level, time: now(), ...base, event, dropped, msg: text })}\n`;
    },
  });
  return new ProcessLog(platform, createCore(now, level, sink), sink, base);
}

/** A log that discards everything. */
export const silentLog: EventLog = {
  event() {},
  trace() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
  forHandler: () => silentLog,
  level: 'silent',
};

/** Fields that all lines of a log carry. */
interface Bindings {
  /** Serialised some of the fields in advance: those of the process. */
  readonly logger: Logger;
  readonly written: Fields;
  readonly others: Fields;
}

type Fields = Readonly<Record<string, unknown>>;

/** What a line consists of. */
interface Line {
  /** Whose code names the fields. */
  readonly by: Author;
  readonly fields: object;
  readonly message: string | undefined;
  readonly event?: LogEvent;
}

type Author = 'framework' | 'handler';

interface Core {
  readonly level: LogLevel;
  readonly rank: number;
  bind(parent: Bindings | undefined, fields: object, by: Author): Bindings;
  write(level: Written, bindings: Bindings, line: Line): void;
}

function createCore(now: () => string, level: LogLevel, sink: BoundedSink): Core {
  const clean = createCleaner();
  const bare = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${now()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // Errors arrive here as plain objects already; pino's own serialiser would fold the causes into the message.
      serializers: { err: (value) => value },
    },
    sink,
  );

  function copy(fields: object, by: Author, others?: Fields, event?: LogEvent): Record<string, unknown> {
    const line: Record<string, unknown> = { ...others };
    if (event !== undefined) line['event'] = event;
    const own = by === 'handler' ? {} : line;
    try {
      clean(fields, own);
    } catch (error) {
      line.logFailed = `The fields cannot be read: ${String(error)}`;
    }
    if (own !== line) {
      for (const key of RESERVED) if (key in own) setAside(own, key);
      Object.assign(line, own);
    }
    if ('time' in line) setAside(line, 'time');
    if ('level' in line) setAside(line, 'level');
    return line;
  }

  return {
    level,
    rank: RANK[level],
    bind(parent, fields, by) {
      const own = copy(fields, by);
      if (!parent || overlap(own, parent.written)) {
        const written = { ...parent?.written, ...parent?.others, ...own };
        return { logger: bare.child(written), written, others: {} };
      }
      return { logger: parent.logger, written: parent.written, others: { ...parent.others, ...own } };
    },
    write(at, { logger, written, others }, { by, fields, message, event }) {
      const line = copy(fields, by, others, event);
      // A name must not appear twice in a line: readers disagree on which one counts.
      const again = overlap(line, written);
      put(again ? bare : logger, at, again ? { ...written, ...line } : line, message);
    },
  };
}

function put(logger: Logger, at: Written, line: Record<string, unknown>, message: string | undefined): void {
  if (message === undefined) {
    logger[at](line);
    return;
  }
  if ('msg' in line) setAside(line, 'msg');
  logger[at](line, maskCardNumbers(message));
}

function overlap(line: object, written: object): boolean {
  for (const key in line) if (key in written) return true;
  return false;
}

/** Renames a field whose name belongs to the line itself. */
function setAside(line: Record<string, unknown>, key: string): void {
  line[`${key}_`] = line[key];
  delete line[key];
}

abstract class BoundLog implements Log {
  protected readonly core: Core;
  readonly #parent: BoundLog | undefined;
  readonly #fields: object;
  #bindings: Bindings | undefined;

  constructor(core: Core, parent: BoundLog | undefined, fields: object) {
    this.core = core;
    this.#parent = parent;
    this.#fields = fields;
  }

  /** Whose code writes the lines of this log, and names the fields of its children. */
  protected abstract get by(): Author;
  abstract child(fields: object): Log;

  get level(): LogLevel {
    return this.core.level;
  }

  trace(fields: object, message?: string): void {
    if (this.core.rank <= RANK.trace) this.core.write('trace', this.bound(), { by: this.by, fields, message });
  }

  debug(fields: object, message?: string): void {
    if (this.core.rank <= RANK.debug) this.core.write('debug', this.bound(), { by: this.by, fields, message });
  }

  info(fields: object, message?: string): void {
    if (this.core.rank <= RANK.info) this.core.write('info', this.bound(), { by: this.by, fields, message });
  }

  warn(fields: object, message?: string): void {
    if (this.core.rank <= RANK.warn) this.core.write('warn', this.bound(), { by: this.by, fields, message });
  }

  error(fields: object, message?: string): void {
    if (this.core.rank <= RANK.error) this.core.write('error', this.bound(), { by: this.by, fields, message });
  }

  /** Computed at the first line, because most requests write none. */
  protected bound(): Bindings {
    this.#bindings ??= this.core.bind(this.#parent?.bound(), this.#fields, this.#parent?.by ?? 'framework');
    return this.#bindings;
  }
}

class HandlerLog extends BoundLog {
  protected get by(): Author {
    return 'handler';
  }

  child(fields: object): Log {
    return new HandlerLog(this.core, this, fields);
  }
}

class FrameworkLog extends BoundLog implements EventLog {
  protected get by(): Author {
    return 'framework';
  }

  event(event: LogEvent, fields: object, detail?: string): void {
    const { level, text } = LOG_EVENTS[event];
    if (this.core.rank > RANK[level]) return;
    const message = detail === undefined ? text : `${text}: ${detail}`;
    this.core.write(level, this.bound(), { by: this.by, fields, message, event });
  }

  child(fields: object): EventLog {
    return new FrameworkLog(this.core, this, fields);
  }

  forHandler(fields: object): Log {
    return new HandlerLog(this.core, this, fields);
  }
}

class ProcessLog extends FrameworkLog implements RootLog {
  readonly #platform: Platform;
  readonly #sink: BoundedSink;

  constructor(platform: Platform, core: Core, sink: BoundedSink, base: object) {
    super(core, undefined, base);
    this.#platform = platform;
    this.#sink = sink;
  }

  get dropped(): number {
    return this.#sink.dropped;
  }

  flush(timeoutMs: number = FLUSH_MS): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#platform.timers.set(timeoutMs, resolve);
      void this.#sink.flush().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }
}

/** Wall time as ISO 8601; lines of the same millisecond share the text. */
function isoClock({ clock }: Platform): () => string {
  let lastMs = Number.NaN;
  let text = '';
  return () => {
    const ms = clock.wallNow();
    if (ms !== lastMs) {
      lastMs = ms;
      text = new Date(ms).toISOString();
    }
    return text;
  };
}

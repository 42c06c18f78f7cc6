import { ERRORS, type ErrorCode } from './table.ts';

/** One field that does not fit: its path, such as `lines.0.quantity`, and what is wrong with it. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** Writes issues in one line, as `lines.0.quantity: expected a number; id: missing`. */
export const issuesText = (issues: readonly Issue[]): string =>
  issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');

/** The details of a {@link RametError}. */
export interface RametErrorOptions {
  readonly cause?: unknown;
  readonly issues?: readonly Issue[];
  /** When another attempt makes sense, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** Overrides the table where the code knows more: 'no' means that certainly nothing happened. */
  readonly executed?: 'no' | 'unknown';
}

/** A fault of the framework: a code from the table, what exactly is wrong, and the cause. */
export class RametError extends Error {
  readonly code: ErrorCode;
  readonly issues: readonly Issue[];
  readonly retryAfterMs: number | undefined;
  readonly executed: 'no' | 'unknown';

  constructor(code: ErrorCode, detail?: string, options: RametErrorOptions = {}) {
    const entry = ERRORS[code];
    super(detail ?? entry.title, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = code;
    this.code = code;
    this.issues = options.issues ?? [];
    this.retryAfterMs = options.retryAfterMs;
    this.executed = options.executed ?? ('executed' in entry ? 'no' : 'unknown');
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
}

/** A failure that a contract declares: part of the answer, not a fault. */
export class DeclaredError extends Error {
  readonly error: string;
  readonly status: number;
  readonly data: unknown;

  /** @param shown what people may read of the data: without its secrets. If it is absent, the message contains none of the data. */
  constructor(error: string, status: number, data: unknown, shown?: unknown) {
    super(shown === undefined ? error : `${error} ${JSON.stringify(shown)}`);
    this.name = error;
    this.error = error;
    this.status = status;
    this.data = data;
  }
}

/**
 * Says, when a handler of events throws it, that another attempt is pointless: the event becomes a dead letter at once.
 * @example
 * on(Orders.events.Placed, ({ country }) => {
 *   if (!served.has(country)) throw new PermanentError(`'${country}' is not served`);
 * });
 */
export class PermanentError extends RametError {
  constructor(message: string, cause?: unknown) {
    super('PermanentFailure', message, { cause });
  }
}

/** All reasons why a process cannot start, in one error. */
export class BootError extends RametError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(
      'BootFailed',
      `${problems.length === 1 ? 'One problem keeps' : `${problems.length} problems keep`} this process from starting:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`,
    );
    this.problems = problems;
  }
}

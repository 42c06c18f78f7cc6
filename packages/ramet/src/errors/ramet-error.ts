import { ERRORS, type ErrorCode } from './table.ts';

/** One field that does not fit: where it is, as a path such as `lines.0.quantity`, and what is wrong with it. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

/** Issues in one line, as `lines.0.quantity: expected a number; id: missing`. */
export const issuesText = (issues: readonly Issue[]): string =>
  issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');

export interface RametErrorOptions {
  readonly cause?: unknown;
  readonly issues?: readonly Issue[];
  /** When it makes sense to try again, in milliseconds from now. */
  readonly retryAfterMs?: number;
  /** Overrides the table where the place knows better: 'no' means that certainly nothing happened. */
  readonly executed?: 'no' | 'unknown';
}

/** A fault of the framework: a code from the table, what exactly was wrong, and the cause. */
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

  /** @param shown what people may read of the data: without its secrets. Left out, the message says nothing of the data. */
  constructor(error: string, status: number, data: unknown, shown?: unknown) {
    super(shown === undefined ? error : `${error} ${JSON.stringify(shown)}`);
    this.name = error;
    this.error = error;
    this.status = status;
    this.data = data;
  }
}

/** Thrown by a handler of events to say that another attempt is pointless: the event goes to the dead letters at once. */
export class PermanentError extends RametError {
  constructor(message: string, cause?: unknown) {
    super('PermanentFailure', message, { cause });
  }
}

/** Every reason why a process cannot start, at once. */
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

import { RametError } from '../../errors/index.ts';
import type { Invocation } from '../saga.ts';

/** Tracks calls that a program has written and not yet given to a step: such a call does nothing, which is never intended. */
export class Drafts {
  readonly #open = new Set<unknown>();

  made(call: Invocation): void {
    this.#open.add(call);
  }

  given(...calls: unknown[]): void {
    for (const call of calls) this.#open.delete(call);
  }

  /** Checks that every call was given to a step. @throws RametError CallWithoutStep */
  check(): void {
    for (const call of this.#open) throw withoutStep(call as Invocation);
  }
}

/** A call as a program writes it: data. Awaiting it is a mistake that would do nothing, so it rejects. */
export class Draft implements Invocation {
  readonly kind: string;
  readonly service: string;
  readonly operation: string;
  readonly input: unknown;

  constructor(kind: string, service: string, operation: string, input: unknown) {
    this.kind = kind;
    this.service = service;
    this.operation = operation;
    this.input = input;
  }

  /** Rejects; `await` calls it. */
  then(_use: never, refuse?: (error: unknown) => void): never {
    refuse?.(withoutStep(this));
    return undefined as never;
  }
}

const withoutStep = ({ service, operation }: Invocation): RametError =>
  new RametError(
    'CallWithoutStep',
    `the program writes the call ${service}.${operation} and gives it to no step, so it is never made; write step('…', ${service}.${operation}(…), { undo: … }), or use ask or pivot`,
  );

import { RametError } from '../../errors/index.ts';
import type { Invocation } from '../saga.ts';

/** The calls that a program has made and not yet given to a step: such a call does nothing, which is never what is meant. */
export class Drafts {
  readonly #open = new Set<unknown>();

  made(call: Invocation): void {
    this.#open.add(call);
  }

  given(...calls: unknown[]): void {
    for (const call of calls) this.#open.delete(call);
  }

  /** @throws RametError CallWithoutStep when a call was given to no step */
  check(): void {
    for (const call of this.#open) throw withoutStep(call as Invocation);
  }
}

/** A call as a program makes it: data. To await it is a mistake that would do nothing, so it says so. */
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

  /** Exists to refuse: `await` calls it. */
  then(_use: never, refuse?: (error: unknown) => void): never {
    refuse?.(withoutStep(this));
    return undefined as never;
  }
}

const withoutStep = ({ service, operation }: Invocation): RametError =>
  new RametError(
    'CallWithoutStep',
    `the program makes the call ${service}.${operation} and gives it to no step, so it is never made; write step('…', ${service}.${operation}(…), { undo: … }), or ask or pivot`,
  );

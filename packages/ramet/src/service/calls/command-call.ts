import type { CompiledContract, CompiledOperation } from '../../contract/index.ts';
import { DeclaredError, RametError } from '../../errors/index.ts';
import { type CallMeta, type Cancellation, declared, type Reply } from '../../rpc/index.ts';
import type { Tx } from '../../store/index.ts';
import type { Undoing } from '../contexts.ts';
import type { ServiceDefinition } from '../definition.ts';
import type { CompiledEffect } from '../effects/compiled-effect.ts';
import type { UnitOfWork, WorkOrigin } from '../unit-of-work.ts';
import { type ReadEnvironment, ReadingContext } from './read-context.ts';
import { answerOf } from './requests.ts';

/** A command with its handler. */
export interface Command {
  readonly compiled: CompiledOperation;
  /** Set where the command acts on an external system. */
  readonly effect: CompiledEffect | undefined;
  /** Set where the command reads before its transaction. */
  readonly prepare: ((input: unknown, context: any) => unknown) | undefined;
  readonly run: (input: unknown, context: any, prepared: unknown) => unknown;
}

/** Joins the commands of a contract to their handlers. */
export function commandsOf(
  { operations }: CompiledContract,
  { commands }: ServiceDefinition,
  effects: ReadonlyMap<string, CompiledEffect>,
): ReadonlyMap<string, Command> {
  const joined = new Map<string, Command>();
  for (const compiled of operations.values()) {
    const { kind, name } = compiled.operation;
    const handler = kind === 'command' ? commands[name] : undefined;
    if (handler === undefined) continue;
    const effect = effects.get(name);
    if (typeof handler === 'function') joined.set(name, { compiled, effect, prepare: undefined, run: handler });
    else if ('prepare' in handler) joined.set(name, { compiled, effect, prepare: handler.prepare, run: handler.run });
    else joined.set(name, { compiled, effect, prepare: undefined, run: neverRun });
  }
  return joined;
}

/** An effect has no handler of one transaction. */
const neverRun = (): never => {
  throw new RametError('Internal', 'an effect was run as a plain command');
};

/** What `prepare` returned, or the declared failure with which it refused. */
export type Preparation = { readonly value: unknown } | { readonly refusal: Reply };
const NOTHING: Preparation = { value: undefined };

/** What a call of a command works with. */
export interface CommandEnvironment extends ReadEnvironment {
  readonly unitOfWork: (tx: Tx, origin: WorkOrigin) => UnitOfWork;
}

/** One call of a command. */
export class CommandCall {
  readonly #environment: CommandEnvironment;
  readonly command: Command;
  readonly input: unknown;
  readonly meta: CallMeta;
  readonly #cancellation: Cancellation;

  constructor(environment: CommandEnvironment, command: Command, input: unknown, meta: CallMeta, cancellation: Cancellation) {
    this.#environment = environment;
    this.command = command;
    this.input = input;
    this.meta = meta;
    this.#cancellation = cancellation;
  }

  /** Runs `prepare`, if the command has one. A declared failure is an answer like one of `run`. */
  async prepared(): Promise<Preparation> {
    const { prepare, compiled } = this.command;
    if (!prepare) return NOTHING;
    const context = new ReadingContext(this.#environment, compiled, this.meta, this.#cancellation);
    try {
      const value = await prepare(this.input, context);
      await context.ended();
      return { value };
    } catch (error) {
      if (error instanceof DeclaredError && compiled.errors.has(error.error)) return { refusal: declared(error) };
      throw error;
    } finally {
      context.leave();
    }
  }

  /** Runs the command within `tx`. A declared failure undoes what the handler wrote, and is the answer. */
  async answer(tx: Tx, preparation: Preparation, undoing?: Undoing): Promise<Reply> {
    if ('refusal' in preparation) return preparation.refusal;
    return answerOf(tx, this.command.compiled, () => this.run(tx, preparation.value, undoing));
  }

  /** Runs the command within `tx`. @throws DeclaredError where it refuses */
  async run(tx: Tx, prepared: unknown, undoing?: Undoing): Promise<Reply> {
    const { compiled, run } = this.command;
    const { caller, trace } = this.meta;
    const cancellation = this.#cancellation;
    const work = this.#environment.unitOfWork(tx, undoing ? { caller, trace, cancellation, undoing } : { caller, trace, cancellation });
    const answer = encoded(compiled, await run(this.input, work.context(compiled), prepared));
    await work.flush();
    return answer;
  }
}

/** Encodes an answer. @throws RametError InvalidOutput when it does not fit its contract */
export function encoded(compiled: CompiledOperation, answer: unknown): Reply {
  const decoded = compiled.output.decode(answer);
  if (!decoded.ok)
    throw new RametError('InvalidOutput', `the answer of ${compiled.fullName} does not fit its contract`, { issues: decoded.issues });
  return { ok: true, value: decoded.value };
}

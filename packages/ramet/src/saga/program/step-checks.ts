import { compileContract } from '../../contract/index.ts';
import { RametError } from '../../errors/index.ts';
import { type NamesOf, unknownNames } from '../../platform/index.ts';
import type { Intent } from '../journal/journal.ts';
import type { Invocation, Saga, StepOptions } from '../saga.ts';

const OPTIONS: NamesOf<StepOptions<string>> = { undo: true, timeout: true, deadline: true };

/**
 * Checks what a program wrote for a step that is not in the journal yet. The types say the same, but JavaScript and casts pass them
 * by. A step that the journal holds is not checked: an older program wrote it, and its saga must be able to continue.
 * @param given what stands behind the call: the options of a step
 * @throws RametError WrongStep which names the step, what is wrong, and what to write
 */
export function checkStep(program: Saga, { name, kind, invocation: call }: Intent, given: unknown): void {
  if (name === '') throw wrongStep(kind, name, 'write a name that is not empty');
  if (!isCall(call))
    throw wrongStep(kind, name, `write a call behind the name, such as ${kind}('${name}', use.orders.place({ … })${REST[kind]})`);
  const wanted = kind === 'ask' ? 'query' : 'command';
  if (call.kind !== wanted) throw wrongStep(kind, name, `${nameOf(call)} is a ${call.kind}, not a ${wanted}; ${INSTEAD[call.kind] ?? ''}`);
  if (kind === 'step') checkOptions(program, name, call, given);
  else if (given !== undefined)
    throw wrongStep(kind, name, `${kind === 'ask' ? 'an ask' : 'a pivot'} takes no options; remove what stands behind the call`);
}

/** What stands behind the call, by the kind of the step. */
const REST: Partial<Record<string, string>> = { step: ', { undo: … }', pivot: '', ask: '' };

/** What to write for the operation that a step received by mistake. */
const INSTEAD: Partial<Record<string, string>> = {
  query: "write ask('…', …)",
  command: "write step('…', …, { undo: … }), or pivot('…', …)",
  stream: 'a saga cannot read a stream',
};

function checkOptions(program: Saga, name: string, call: Invocation, given: unknown): void {
  const undos = `write undo: with a command of '${call.service}' that undoes ${nameOf(call)}, or undo: 'nothing'`;
  if (typeof given !== 'object' || given === null) throw wrongStep('step', name, `the options are missing; ${undos}`);
  for (const option in given) if (!Object.hasOwn(OPTIONS, option)) throw wrongStep('step', name, unknownNames(given, OPTIONS).join('; '));
  const { undo } = given as { readonly undo?: unknown };
  if (undo === 'nothing') return;
  if (undo === undefined) throw wrongStep('step', name, `the undo is missing; ${undos}`);
  if (!isCall(undo)) throw wrongStep('step', name, `the undo is ${typeof undo === 'string' ? `'${undo}'` : `a ${typeof undo}`}; ${undos}`);
  if (undo.kind !== 'command') throw wrongStep('step', name, `the undo ${nameOf(undo)} is a ${undo.kind}; ${undos}`);
  if (undo.service !== call.service) throw wrongStep('step', name, `the undo ${nameOf(undo)} is of another service; ${undos}`);
  if (answers(program, undo)) throw wrongStep('step', name, `the undo ${nameOf(undo)} has an output, and an undo must have none; ${undos}`);
}

const isCall = (value: unknown): value is Invocation =>
  typeof value === 'object' && value !== null && typeof (value as Partial<Invocation>).operation === 'string';

/** Whether a command has an output that is more than nothing. */
function answers(program: Saga, { service, operation }: Invocation): boolean {
  for (const use of Object.values(program.uses)) {
    if (!('contract' in use) || use.contract.name !== service) continue;
    const compiled = compileContract(use.contract).compiled.operations.get(operation);
    return compiled?.operation.output !== undefined && !compiled.output.decode(undefined).ok;
  }
  return false;
}

const nameOf = ({ service, operation }: Invocation): string => `${service}.${operation}`;

/** Makes the error of a step that is written wrongly. */
export const wrongStep = (kind: string, name: string, what: string): RametError =>
  new RametError('WrongStep', `${kind} '${name}': ${what}`);

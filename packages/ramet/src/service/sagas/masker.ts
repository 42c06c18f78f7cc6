import { type AnyContract, compileContract, compileSchema, type JsonSchema, mask } from '../../contract/index.ts';
import type { Masked, Masker, Saga } from '../../saga/index.ts';
import type { ServiceDefinition } from '../definition.ts';

/**
 * Makes the function that hides the secrets of a service's sagas. It knows every version of every program and every contract that
 * they use. Values of a saga, an operation or a failure that this deployment no longer has are hidden as a whole.
 */
export function maskerOf(definition: ServiceDefinition): Masker {
  const shapes = new Map<string, JsonSchema[]>();
  const add = (what: string, more: readonly JsonSchema[]) => shapes.set(what, [...(shapes.get(what) ?? []), ...more]);
  const programs = definition.sagas.flatMap((current): Saga[] => [current, ...current.previous]);
  for (const program of programs) {
    add(nameOf({ saga: program.name }), compileSchema(program.input).codec.shapes);
    for (const event of program.waitsFor)
      add(
        nameOf({ invocation: { kind: 'event', service: event.service, operation: event.name, input: null }, part: 'result' }),
        compileSchema(event.schema).codec.shapes,
      );
  }
  const uses = [definition.uses, ...programs.map((program) => program.uses)].flatMap((some) => Object.values(some));
  const contracts = new Set<AnyContract>([definition.contract, ...uses.flatMap((use) => ('contract' in use ? [use.contract] : []))]);
  for (const contract of contracts) {
    for (const { operation, input, output, errors } of compileContract(contract).compiled.operations.values()) {
      const invocation = { ...operation, operation: operation.name, input: null };
      add(nameOf({ invocation, part: 'input' }), input.shapes);
      add(nameOf({ invocation, part: 'result' }), output.shapes);
      for (const [failure, { data }] of errors) add(nameOf({ invocation, failure }), data.shapes);
    }
  }
  return (what, value) => (isPlain(what) ? value : mask(value, shapes.get(nameOf(what)) ?? []));
}

/** Whether the framework wrote the value: a sleep has neither input nor answer, and the input of a wait is the event's key. */
const isPlain = (what: Masked): boolean =>
  'invocation' in what &&
  (what.invocation.kind === 'sleep' || (what.invocation.kind === 'event' && 'part' in what && what.part === 'input'));

function nameOf(what: Masked): string {
  if ('saga' in what) return JSON.stringify([what.saga]);
  const { kind, service, operation } = what.invocation;
  return JSON.stringify([
    kind === 'event' ? 'event' : 'operation',
    service,
    operation,
    'part' in what ? what.part : 'failure',
    'failure' in what ? what.failure : '',
  ]);
}

import { compileContract } from '../../contract/index.ts';
import type { ServiceDefinition } from '../definition.ts';
import { compileEffects } from '../effects/compiled-effect.ts';
import { keepSagasProblems } from '../sagas/keep-sagas.ts';
import { SagaCodecs } from '../sagas/saga-codecs.ts';
import { scheduleProblems } from '../schedules/schedules.ts';
import { groupReactions } from '../subscriptions/subscriptions.ts';

/** Finds everything that is wrong with a service without starting it. */
export function checkService(definition: ServiceDefinition): string[] {
  const { compiled, problems: ofContract } = compileContract(definition.contract);
  const problems = [...ofContract];
  const service = `service '${compiled.contract.name}'`;
  for (const { operation } of compiled.operations.values()) {
    const handlers = operation.kind === 'command' ? definition.commands : definition.queries;
    if (!(operation.name in handlers)) problems.push(`${service}: ${operation.kind} '${operation.name}' has no handler`);
  }
  for (const name of [...Object.keys(definition.commands), ...Object.keys(definition.queries)]) {
    if (!(name in definition.contract.commands) && !(name in definition.contract.queries))
      problems.push(`${service}: there is a handler '${name}', but the contract has no such operation`);
  }
  problems.push(...groupReactions(compiled.contract.name, definition.reactions).problems);
  problems.push(...scheduleProblems(compiled.contract.name, definition.schedules));
  problems.push(...SagaCodecs.compile(compiled.contract.name, definition.sagas).problems);
  problems.push(...compileEffects(definition, compiled).problems);
  problems.push(...keepSagasProblems(compiled.contract.name, definition));
  return problems;
}

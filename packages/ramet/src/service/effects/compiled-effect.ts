import { type Codec, type CompiledContract, type CompiledOperation, compileSchema } from '../../contract/index.ts';
import { SECOND, Settings } from '../../platform/index.ts';
import type { ServiceDefinition } from '../definition.ts';
import type { Effect } from './effect.ts';

/** An effect with its compiled schemas. */
export interface CompiledEffect {
  readonly compiled: CompiledOperation;
  readonly effect: Effect<any, any, any, any, any, any>;
  readonly request: Codec;
  readonly outcome: Codec;
  readonly quietMs: number;
}

/** How long after the last attempt the other system may still act (default). */
const QUIET_MS = 10 * SECOND;

/** Compiles the effects of a service. @returns the effects by operation, and their problems */
export function compileEffects(
  definition: ServiceDefinition,
  contract: CompiledContract,
): { effects: Map<string, CompiledEffect>; problems: string[] } {
  const effects = new Map<string, CompiledEffect>();
  const problems: string[] = [];
  for (const [name, handler] of Object.entries(definition.commands)) {
    const compiled = contract.operations.get(name);
    if (!compiled || typeof handler !== 'object' || !('perform' in handler)) continue;
    const effect = handler as Effect<unknown, unknown, unknown, unknown, unknown, unknown>;
    const where = `service '${contract.contract.name}', effect '${name}'`;
    const request = compileSchema(effect.request);
    const outcome = compileSchema(effect.outcome);
    for (const problem of request.problems) problems.push(`${where}, request: ${problem}`);
    for (const problem of outcome.problems) problems.push(`${where}, outcome: ${problem}`);
    const settings = new Settings(`${where}, `);
    const quietMs = settings.duration('quiet', effect.quiet, QUIET_MS, { most: '1d' });
    problems.push(...settings.problems);
    effects.set(name, { compiled, effect, request: request.codec, outcome: outcome.codec, quietMs });
  }
  return { effects, problems };
}

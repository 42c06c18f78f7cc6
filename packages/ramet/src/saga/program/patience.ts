import { SECOND } from '../../platform/index.ts';
import { compilePolicy, probesTakeMs, type Uses } from '../../rpc/index.ts';
import type { Saga } from '../saga.ts';
import { DEADLINE_MS } from './program.ts';

/** A circuit that stays open so long that the steps of a saga end before its probes. */
export interface SlowCircuit {
  readonly saga: string;
  readonly target: string;
  readonly advice: string;
}

/** Finds the circuits of a service's sagas that are too slow for the default deadline of a step. */
export function slowCircuits(sagas: readonly Saga[]): SlowCircuit[] {
  return sagas.flatMap(({ name: saga, uses }) => Object.entries(uses as Uses).flatMap(([use, declared]) => slow(saga, use, declared)));
}

function slow(saga: string, use: string, declared: Uses[string]): SlowCircuit[] {
  if (!('contract' in declared)) return [];
  const { breaker } = compilePolicy(declared.policy).policy;
  if (!breaker || probesTakeMs(breaker) <= DEADLINE_MS) return [];
  const shorter = Math.floor((breaker.openForMs * DEADLINE_MS) / probesTakeMs(breaker) / SECOND);
  const advice = `a circuit to '${use}' stays open for ${breaker.openForMs / SECOND} s, and three probes take longer than the ${DEADLINE_MS / SECOND} s of a step; set 'openFor' to ${shorter}s or less, or give its steps a 'deadline' of ${Math.ceil(probesTakeMs(breaker) / SECOND)}s`;
  return [{ saga, target: declared.contract.name, advice }];
}

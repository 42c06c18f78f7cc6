import { type CompiledContract, compileContract, type Operation, shownFailure } from '../../contract/index.ts';
import { issuesText, RametError } from '../../errors/index.ts';
import {
  type CompiledPolicy,
  compilePolicy,
  DEFAULT_POLICY,
  type Dependency,
  Edges,
  type Outbound,
  type Reply,
  type TransportRoutes,
} from '../../rpc/index.ts';
import { serviceCaller } from '../../security/index.ts';
import type { SagaCall } from '../run/run.ts';
import type { Invocation, Saga } from '../saga.ts';
import { Draft } from './drafts.ts';

/** Functions that make the invocations of a saga, by the names in `uses` and the operations. */
export type Invocations = Record<string, Record<string, (input: unknown) => Invocation>>;
/** The same functions as a list, from which each run of a program gets its own. */
type Builders = readonly (readonly [use: string, operations: readonly (readonly [name: string, make: (input: unknown) => Invocation])[]])[];

/** Makes the calls of one service's sagas, and the functions with which programs write them. */
export class Calls {
  readonly #options: {
    readonly transport: TransportRoutes;
    readonly outbound: Outbound;
    readonly service: string;
    readonly programs: ReadonlyMap<string, Saga>;
  };
  readonly #edges: Edges;
  readonly #builders = new Map<Saga, Builders>();

  constructor(options: {
    transport: TransportRoutes;
    outbound: Outbound;
    service: string;
    programs: ReadonlyMap<string, Saga>;
  }) {
    this.#options = options;
    this.#edges = new Edges(options.transport, options.outbound, (service) => this.#policyOf(service));
  }

  call(invocation: Invocation, from: Parameters<SagaCall>[1], options: Parameters<SagaCall>[2]): Promise<Reply> {
    const origin = {
      meta: {
        caller: serviceCaller(this.#options.service, from),
        trace: { ...from.trace, ...(options.step ? { causationId: options.step.key } : {}) },
        depth: 0,
      },
      remainingMs: () => Number.POSITIVE_INFINITY,
      signal: undefined,
    };
    const operation = { kind: invocation.kind as Operation['kind'], service: invocation.service, name: invocation.operation };
    return this.#edges.to(invocation.service).call(operation, invocation.input, origin, options);
  }

  /** Returns the part of a failure's data that people may read; undefined if no program declares the service any more. */
  shown({ service, operation }: Invocation, error: string, data: unknown): unknown {
    const declared = this.#declared(service);
    return declared && shownFailure(compileContract(declared.contract).compiled.operations.get(operation), error, data);
  }

  /** Returns the functions that make the invocations of a saga. @param onMade called with each invocation */
  invocationsOf(saga: Saga, onMade: (invocation: Invocation) => void): Invocations {
    let builders = this.#builders.get(saga);
    if (!builders) {
      builders = buildersOf(saga);
      this.#builders.set(saga, builders);
    }
    return seen(builders, onMade);
  }

  #declared(service: string): Dependency | undefined {
    for (const saga of this.#options.programs.values())
      for (const use of Object.values(saga.uses)) if ('contract' in use && use.contract.name === service) return use;
    return undefined;
  }

  /** Returns the policies of the first saga that declares the edge; an undo may need an edge that no program declares any more. */
  #policyOf(service: string): CompiledPolicy {
    const declared = this.#declared(service);
    return declared ? compilePolicy(declared.policy).policy : DEFAULT_POLICY;
  }
}

/** Returns the functions that make a saga's invocations. */
export const buildersOf = (saga: Saga): Builders =>
  Object.entries(saga.uses).flatMap(([name, declared]) =>
    'contract' in declared ? [[name, operationsOf(compileContract(declared.contract).compiled)] as const] : [],
  );

/** Prepares the functions for one run of a program. @param onMade called with each invocation */
export function seen(builders: Builders, onMade: (invocation: Invocation) => void): Invocations {
  const showing = (make: (input: unknown) => Invocation) => (input: unknown) => {
    const invocation = make(input);
    onMade(invocation);
    return invocation;
  };
  return Object.fromEntries(
    builders.map(([use, operations]) => [use, Object.fromEntries(operations.map(([name, make]) => [name, showing(make)]))]),
  );
}

/** An input that does not fit the contract is refused in the program, not by the participant. */
const operationsOf = ({ operations }: CompiledContract): Builders[number][1] =>
  [...operations.values()].map(({ operation, fullName, input: codec }) => [
    operation.name,
    (input: unknown): Invocation => {
      const decoded = codec.decode(input);
      if (!decoded.ok)
        throw new RametError('BadRequest', `the input of ${fullName} does not fit its contract (${issuesText(decoded.issues)})`, {
          issues: decoded.issues,
        });
      return new Draft(operation.kind, operation.service, operation.name, decoded.value ?? null);
    },
  ]);

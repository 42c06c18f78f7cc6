import { type CompiledContract, compileContract, type Operation, shownFailure } from '../contract/index.ts';
import { RametError } from '../errors/index.ts';
import {
  type CompiledPolicy,
  compilePolicy,
  DEFAULT_POLICY,
  type Dependency,
  Edges,
  type Outbound,
  type Reply,
  type TransportRoutes,
} from '../rpc/index.ts';
import { serviceCaller } from '../security/index.ts';
import type { Caller } from './run.ts';
import type { Invocation, Saga } from './saga.ts';

/** Functions that make the invocations of a saga's `uses`, by its names. */
export type Invocations = Record<string, Record<string, (input: unknown) => Invocation>>;

/** The calls that sagas of one service make, and the functions that their programs make them with. */
export class Calls {
  readonly #options: {
    readonly transport: TransportRoutes;
    readonly outbound: Outbound;
    readonly service: string;
    readonly programs: ReadonlyMap<string, Saga>;
  };
  readonly #edges: Edges;
  readonly #invocations = new Map<Saga, Invocations>();

  constructor(options: {
    transport: TransportRoutes;
    outbound: Outbound;
    service: string;
    programs: ReadonlyMap<string, Saga>;
  }) {
    this.#options = options;
    this.#edges = new Edges(options.transport, options.outbound, (service) => this.#policyOf(service));
  }

  call(invocation: Invocation, from: Parameters<Caller>[1], options: Parameters<Caller>[2]): Promise<Reply> {
    const origin = {
      meta: {
        caller: serviceCaller(this.#options.service, from.initiator),
        trace: { ...from.trace, ...(options.step ? { causationId: options.step.key } : {}) },
        depth: 0,
      },
      remainingMs: () => Number.POSITIVE_INFINITY,
      signal: undefined,
    };
    const operation = { kind: invocation.kind as Operation['kind'], service: invocation.service, name: invocation.operation };
    return this.#edges.to(invocation.service).call(operation, invocation.input, origin, options);
  }

  /** What people may read of the data of a failure; undefined when no program declares the service any more. */
  shown({ service, operation }: Invocation, error: string, data: unknown): unknown {
    const declared = this.#declared(service);
    return declared && shownFailure(compileContract(declared.contract).compiled.operations.get(operation), error, data);
  }

  invocationsOf(saga: Saga): Invocations {
    let made = this.#invocations.get(saga);
    if (!made) {
      made = Object.fromEntries(
        Object.entries(saga.uses).flatMap(([name, declared]) =>
          'contract' in declared ? [[name, builders(compileContract(declared.contract).compiled)]] : [],
        ),
      );
      this.#invocations.set(saga, made);
    }
    return made;
  }

  #declared(service: string): Dependency | undefined {
    for (const saga of this.#options.programs.values())
      for (const use of Object.values(saga.uses)) if ('contract' in use && use.contract.name === service) return use;
    return undefined;
  }

  /** The policies of an edge are those of the first saga that declares it; an undo may need one that no program declares any more. */
  #policyOf(service: string): CompiledPolicy {
    const declared = this.#declared(service);
    return declared ? compilePolicy(declared.policy).policy : DEFAULT_POLICY;
  }
}

/** Functions that make invocations; an input that does not fit the contract is refused where the program says it, not by the participant. */
function builders({ operations }: CompiledContract): Record<string, (input: unknown) => Invocation> {
  return Object.fromEntries(
    [...operations.values()].map(({ operation, fullName, input: codec }) => [
      operation.name,
      (input: unknown): Invocation => {
        const decoded = codec.decode(input);
        if (!decoded.ok)
          throw new RametError(
            'BadRequest',
            `the input of ${fullName} does not fit its contract (${decoded.issues.map((issue) => `${issue.path}: ${issue.message}`).join('; ')})`,
            {
              issues: decoded.issues,
            },
          );
        return { kind: operation.kind, service: operation.service, operation: operation.name, input: decoded.value ?? null };
      },
    ]),
  );
}

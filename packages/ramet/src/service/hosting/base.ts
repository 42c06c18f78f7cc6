import { createOutbox, type OutboxWriter } from '../../bus/index.ts';
import { type CompiledContract, type CompiledOperation, compileContract } from '../../contract/index.ts';
import { type CompiledUses, compileUses, Outbound } from '../../rpc/index.ts';
import { announced, inTurns } from '../../store/index.ts';
import { type EventLog, type Instrument, silentInstrument } from '../../telemetry/index.ts';
import { ChangeHub } from '../changes.ts';
import type { ServiceDefinition } from '../definition.ts';
import { SagaCodecs } from '../sagas/saga-codecs.ts';
import type { SubscriptionEnvironment } from '../subscriptions/subscriptions.ts';
import type { HostEnvironment } from './hosted-service.ts';

/** What all parts of a hosted service are made from. */
export interface HostBase extends Omit<HostEnvironment, 'log' | 'instrument'> {
  readonly definition: ServiceDefinition;
  readonly contract: CompiledContract;
  readonly name: string;
  /** The log of the service. */
  readonly log: EventLog;
  readonly instrument: Instrument;
  readonly outbound: Outbound;
  readonly uses: CompiledUses;
  readonly outbox: OutboxWriter;
  readonly changes: ChangeHub;
  readonly sagaCodecs: SagaCodecs;
  readonly subscriptions: Omit<SubscriptionEnvironment, 'unitOfWork'>;
}

export function hostBase(definition: ServiceDefinition, environment: HostEnvironment): HostBase {
  const { platform, transport, instrument = silentInstrument } = environment;
  const store = announced(environment.store, instrument);
  const { compiled: contract } = compileContract(definition.contract);
  const { name } = contract.contract;
  const log = environment.log.child({ service: name });
  const outbound = new Outbound(platform, name, instrument);
  return {
    ...environment,
    store,
    definition,
    contract,
    name,
    log,
    instrument,
    outbound,
    uses: compileUses(platform, transport, `service '${name}'`, definition.uses, outbound).uses,
    outbox: createOutbox(store),
    changes: new ChangeHub(platform),
    sagaCodecs: SagaCodecs.compile(name, definition.sagas).codecs,
    subscriptions: {
      platform,
      store: inTurns(store),
      log,
      alerts: environment.postAlert !== undefined,
      instrument,
    },
  };
}

/** The commands that a service may send: its own, and those of every contract that it or one of its sagas uses. */
export function targetsOf(definition: ServiceDefinition): ReadonlyMap<string, CompiledOperation> {
  const uses = [definition.uses, ...definition.sagas.map((saga) => saga.uses)].flatMap((some) => Object.values(some));
  const contracts = [definition.contract, ...uses.flatMap((use) => ('contract' in use ? [use.contract] : []))];
  return new Map(
    contracts
      .flatMap((contract) => [...compileContract(contract).compiled.operations.values()])
      .filter(({ operation }) => operation.kind === 'command')
      .map((operation) => [operation.fullName, operation]),
  );
}

import type { Platform } from '../platform/index.ts';
import type { Instrument } from '../telemetry/index.ts';
import type { Bus, BusCapabilities } from './bus.ts';

/** What a topology names: makes the bus of a process. */
export interface BusFactory {
  readonly capabilities: BusCapabilities;
  /** The topic of a type of event, where the bus keeps the order of a key within a topic only (default: the type itself). */
  readonly topicOf?: (type: string) => string;
  create(environment: BusEnvironment): Bus;
  /** Looks whether the servers are set up as durably as is promised. @returns what is weaker, each with what to do */
  check?(environment: BusEnvironment): Promise<readonly string[]>;
}

/** Is what a process gives its bus. */
export interface BusEnvironment {
  readonly platform: Platform;
  /** Called with every failure of a background loop, which then tries again. */
  readonly onError: (error: unknown, where: object) => void;
  /** Listens to what the bus does. */
  readonly instrument?: Instrument;
  /** Unique to this start of the process: its name as a member of groups and as an owner of leases. */
  readonly owner: string;
}

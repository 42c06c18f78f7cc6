import type { Platform } from '../platform/index.ts';
import type { Bus, BusCapabilities } from './bus.ts';

/** What a topology names: makes the bus of a process. */
export interface BusFactory {
  readonly capabilities: BusCapabilities;
  create(environment: BusEnvironment): Bus;
}

export interface BusEnvironment {
  readonly platform: Platform;
  /** Told of every failure of a background loop, which then tries again. */
  readonly onError: (error: unknown, where: object) => void;
}

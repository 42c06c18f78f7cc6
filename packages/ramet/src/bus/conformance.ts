import { type Case, conformanceSuite, type Exceptions } from '../platform/cases.conformance.ts';
import type { Platform } from '../platform/index.ts';
import type { Store } from '../store/index.ts';
import { crashCases } from './crash.conformance.ts';
import { deliveryCases } from './delivery.conformance.ts';
import { failureCases } from './failure.conformance.ts';
import { BusFixture } from './fixture.conformance.ts';
import type { Bus, BusCapabilities } from './index.ts';

/** What an adapter of {@link Bus} gives to its conformance suite. */
export interface BusHarness {
  readonly capabilities: BusCapabilities;
  /** Somewhere for the services and groups of one case. */
  place(): Promise<BusPlace>;
  readonly exceptions?: Exceptions;
}

export interface BusPlace {
  readonly platform: Platform;
  /** A bus as a process makes one when it starts; what buses of one place keep outside of themselves, they share. */
  bus(onError: (error: unknown) => void): Bus;
  /** An empty store for a service or group, without tables. */
  store(service: string): Promise<Store>;
  /** Makes a broker that keeps offsets itself deliver everything to the group again; otherwise the suite rewinds the group's checkpoint. */
  rewind?(group: string): Promise<void>;
  dispose(): Promise<void>;
}

/** Registers the tests that every adapter of {@link Bus} passes together with the framework's `Consumer`. */
export function busConformance(name: string, harness: BusHarness): void {
  const onBus = (run: (fixture: BusFixture) => Promise<void>) => async () => {
    const fixture = new BusFixture(await harness.place());
    try {
      await run(fixture);
    } finally {
      await fixture.dispose();
    }
  };
  conformanceSuite(`${name} as a bus`, harness.exceptions, (it: Case) => {
    deliveryCases(it, onBus, harness.capabilities);
    failureCases(it, onBus);
    crashCases(it, onBus);
  });
}

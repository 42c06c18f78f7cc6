import { type Case, conformanceSuite, type Exceptions } from '../platform/cases.conformance.ts';
import { crashCases } from './crash.conformance.ts';
import { deliveryCases } from './delivery.conformance.ts';
import { failureCases } from './failure.conformance.ts';
import { BusFixture, type BusPlace } from './fixture.conformance.ts';
import { haltCases } from './halt.conformance.ts';
import { horizonCases } from './horizon.conformance.ts';
import type { BusCapabilities } from './index.ts';
import { skipCases } from './skip.conformance.ts';

/** What an adapter of {@link Bus} gives to its conformance suite. */
export interface BusHarness {
  readonly capabilities: BusCapabilities;
  /** Somewhere for the services and groups of one case. */
  place(): Promise<BusPlace>;
  readonly exceptions?: Exceptions;
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
    skipCases(it, onBus);
    haltCases(it, onBus);
    horizonCases(it, onBus);
  });
}

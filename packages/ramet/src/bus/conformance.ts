import { type Case, conformanceSuite, type Exceptions } from '../platform/cases.conformance.ts';
import { crashCases } from './conformance/crash.conformance.ts';
import { deliveryCases } from './conformance/delivery.conformance.ts';
import { failureCases } from './conformance/failure.conformance.ts';
import { BusFixture, type BusPlace } from './conformance/fixture.conformance.ts';
import { haltCases } from './conformance/halt.conformance.ts';
import { horizonCases } from './conformance/horizon.conformance.ts';
import { type Outage, outageCases } from './conformance/outage.conformance.ts';
import { positionCases } from './conformance/position.conformance.ts';
import { queueCases } from './conformance/queue.conformance.ts';
import { replicaCases } from './conformance/replica.conformance.ts';
import { retryCases } from './conformance/retry.conformance.ts';
import { skipCases } from './conformance/skip.conformance.ts';
import { steadyCases } from './conformance/steady.conformance.ts';
import { takeoverCases } from './conformance/takeover.conformance.ts';
import type { BusCapabilities } from './index.ts';

/** What an adapter of {@link Bus} gives to its conformance suite. */
export interface BusHarness {
  readonly capabilities: BusCapabilities;
  /** Somewhere for the services and groups of one case. */
  place(): Promise<BusPlace>;
  readonly exceptions?: Exceptions;
}

/** Registers the tests that every adapter of {@link Bus} passes together with the framework's `Consumer`. */
export function busConformance(name: string, harness: BusHarness): void {
  const { capabilities } = harness;
  const onBus = on(harness.place, capabilities);
  conformanceSuite(`${name} as a bus`, harness.exceptions, (it: Case) => {
    deliveryCases(it, onBus, capabilities);
    if (capabilities.order !== 'none') failureCases(it, onBus);
    crashCases(it, onBus, capabilities);
    skipCases(it, onBus, capabilities);
    retryCases(it, onBus);
    steadyCases(it, onBus);
    if (capabilities.remote) replicaCases(it, onBus);
    if (capabilities.shape === 'log') {
      haltCases(it, onBus);
      takeoverCases(it, onBus);
      positionCases(it, onBus);
      horizonCases(it, onBus);
    } else queueCases(it, onBus);
  });
}

/** Registers the tests of an adapter whose broker is stopped in the middle of them: it must be theirs alone. */
export function outageSuite(name: string, place: BusHarness['place'], outage: Outage, exceptions?: Exceptions): void {
  conformanceSuite(`${name} as a bus whose broker goes away`, exceptions, (it: Case) => outageCases(it, on(place), outage));
}

const on = (place: BusHarness['place'], capabilities?: BusCapabilities) => (run: (fixture: BusFixture) => Promise<void>) => async () => {
  const fixture = new BusFixture(await place(), capabilities);
  try {
    await run(fixture);
  } finally {
    await fixture.dispose();
  }
};

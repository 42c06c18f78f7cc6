import { type Case, conformanceSuite, type Exceptions } from '../platform/cases.conformance.ts';
import type { Platform } from '../platform/index.ts';
import { dueCases } from './due.conformance.ts';
import { type OnStore, THINGS } from './fixture.conformance.ts';
import { handleCases } from './handle.conformance.ts';
import { migrate, type Store, type StoreCapabilities, type StoreEnvironment, type StoreFactory } from './index.ts';
import { migrationCases } from './migrate.conformance.ts';
import { mustCases } from './must.conformance.ts';
import { outboxCases } from './outbox.conformance.ts';
import { transactionCases } from './transaction.conformance.ts';
import { valueCases } from './value.conformance.ts';

/** What an adapter of {@link Store} gives to its conformance suite. */
export interface StoreHarness {
  readonly capabilities: StoreCapabilities;
  /** An empty place for stores (a folder, a schema), for one case alone. */
  place(): Promise<StorePlace>;
  readonly exceptions?: Exceptions;
}

export interface StorePlace {
  /** Its `prepare` has been called; what its stores wrote stays until `dispose`. */
  readonly factory: StoreFactory;
  readonly platform: Platform;
  /** Makes the next COMMIT fail as on a full disk. Without it, name the cases that need it as exceptions. */
  failNextCommit?(): void;
  dispose(): Promise<void>;
}

/** Registers the tests that every adapter of {@link Store} passes; `capabilities` chooses among them. */
export function storeConformance(name: string, harness: StoreHarness): void {
  const onStore: OnStore = (run) => async () => {
    const place = await harness.place();
    const warnings: object[] = [];
    const fatal: unknown[] = [];
    const environment: StoreEnvironment = {
      platform: place.platform,
      warn: (event, fields) => warnings.push({ event, ...fields }),
      fatal: (error) => fatal.push(error),
    };
    const deferred: (() => Promise<void>)[] = [];
    const open = async () => {
      const store = await place.factory.open('things', environment);
      deferred.push(() => store.close());
      return store;
    };
    try {
      const store = await open();
      await migrate(store, place.platform, [THINGS]);
      await run({
        capabilities: harness.capabilities,
        platform: place.platform,
        store,
        environment,
        warnings,
        open,
        defer: (end) => deferred.push(end),
        failNextCommit() {
          if (!place.failNextCommit) throw new Error('the harness offers no failNextCommit(): add it, or name this case as an exception');
          place.failNextCommit();
        },
      });
      if (fatal.length > 0) throw fatal[0];
    } finally {
      for (const end of deferred.reverse()) await end();
      await place.dispose();
    }
  };
  conformanceSuite(`${name} as a store`, harness.exceptions, (it: Case) => {
    transactionCases(it, onStore, harness.capabilities);
    mustCases(it, onStore);
    handleCases(it, onStore);
    valueCases(it, onStore);
    migrationCases(it, onStore, harness.capabilities);
    outboxCases(it, onStore);
    dueCases(it, onStore);
  });
}

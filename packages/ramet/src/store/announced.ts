import { type Instrument, Works } from '../telemetry/index.ts';
import type { Store } from './store.ts';

/** Returns the same store, which announces each transaction that names its trace; the store itself where no spans are made. */
export function announced(store: Store, instrument: Instrument): Store {
  if (!instrument.spans) return store;
  const works = new Works('transaction', 'service', 'transaction');
  return {
    ...store,
    get reader() {
      return store.reader;
    },
    async write(work, options) {
      if (!options?.trace) return store.write(work, options);
      const span = instrument.begin(works.of(store.service, options.name ?? 'unnamed'), options.trace);
      try {
        const value = await store.write(work, options);
        span.end('ok');
        return value;
      } catch (error) {
        span.end('failed', error);
        throw error;
      }
    },
  };
}

import type { StoreEnvironment } from './factory.ts';
import type { Store } from './store.ts';

/** Puts a store together from the parts of an adapter: the readiness probe and the single close are the same for all. */
export function storeOf(parts: Omit<Store, 'probe'>): Store {
  let closing: Promise<void> | undefined;
  return {
    ...parts,
    probe: () =>
      parts.write(
        async (tx) => {
          await tx.run('insert into ramet_probe (id, at) values (1, ramet_now()) on conflict (id) do update set at = excluded.at');
        },
        { name: 'readiness', first: true },
      ),
    close() {
      closing ??= parts.close();
      return closing;
    },
  };
}

/** Calls a listener after a commit. What was committed is committed: a listener that fails changes nothing of it. */
export function afterCommit({ onWarning }: Pick<StoreEnvironment, 'onWarning'>, action: () => void): void {
  try {
    action();
  } catch (error) {
    onWarning('commit_listener_failed', { err: error });
  }
}

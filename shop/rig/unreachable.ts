import type { StartOptions } from 'ramet/runtime';

/**
 * Keeps callers from operations, as when the process that has them is gone: `users.standing,catalog.search`. Tests see with it
 * what the shop still does without them.
 */
export function unreachable(spec: string | undefined): StartOptions['transport'] {
  if (!spec) return undefined;
  const gone = new Set(spec.split(','));
  return (local) => ({
    ...local,
    call(target, input, meta, cancellation) {
      const name = `${target.service}.${target.operation}`;
      if (!gone.has(name)) return local.call(target, input, meta, cancellation);
      return Promise.resolve({
        ok: false,
        kind: 'fault',
        code: 'Unavailable',
        detail: `${name} was made unreachable by SHOP_UNREACHABLE`,
        issues: [],
        executed: 'no',
      });
    },
  });
}

import type { EventRef, Upcast } from './contract.ts';
import { compileSchema, type Decoded } from './schema.ts';

/** Finds problems with the steps of an event: the chain must lead from version 1 to the current one. */
export function upcastProblems({ version, upcast }: Pick<EventRef, 'version' | 'upcast'>): string[] {
  const problems: string[] = [];
  if (!Number.isInteger(version) || version < 1) return [`its version ${version} is not a whole number from 1`];
  if (upcast === undefined) return [];
  for (let from = 1; from < version; from++)
    if (typeof upcast[from] !== 'function') problems.push(`'upcast' has no step from version ${from} to ${from + 1}; add one`);
  for (const from of Object.keys(upcast))
    if (!(Number(from) >= 1 && Number(from) < version && Number.isInteger(Number(from))))
      problems.push(`'upcast' has a step from version ${from}, but the earlier versions are 1 to ${version - 1}`);
  return problems;
}

/**
 * Reads the data of an event that may be older than the contract with which this service was built: applies the steps of `upcast` and
 * validates the result. Without `upcast`, older data must fit the current schema unchanged.
 * @param version the version of the envelope, from 1
 */
export function readEvent(event: EventRef, version: number, data: unknown): Decoded {
  if (version > event.version || version < 1 || !Number.isInteger(version))
    return { ok: false, issues: [{ path: '', message: `has version ${version}; the newest known version is ${event.version}` }] };
  let value = data;
  for (let from = version; event.upcast && from < event.version; from++) {
    try {
      value = (event.upcast[from] as Upcast)(value);
    } catch (error) {
      return {
        ok: false,
        issues: [{ path: '', message: `its step from version ${from} to ${from + 1} failed: ${(error as Error).message}` }],
      };
    }
  }
  return compileSchema(event.schema).codec.decode(value);
}

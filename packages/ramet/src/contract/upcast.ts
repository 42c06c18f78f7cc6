import type { EventRef, Upcast } from './contract.ts';
import { compileSchema, type Decoded } from './schema.ts';

/** What is wrong with the steps of an event: the chain must lead from version 1 to the present one. */
export function upcastProblems({ version, upcast }: Pick<EventRef, 'version' | 'upcast'>): string[] {
  const problems: string[] = [];
  if (!Number.isInteger(version) || version < 1) return [`its version ${version} is not a whole number from 1`];
  if (upcast === undefined) return [];
  for (let from = 1; from < version; from++)
    if (typeof upcast[from] !== 'function') problems.push(`'upcast' has no step from version ${from} to ${from + 1}; add one`);
  for (const from of Object.keys(upcast))
    if (!(Number(from) >= 1 && Number(from) < version && Number.isInteger(Number(from))))
      problems.push(`'upcast' has a step from version ${from}, but the versions before the present one are 1 to ${version - 1}`);
  return problems;
}

/**
 * Reads the data of an event that may be older than the contract this service was built with: takes it through the steps of
 * `upcast` and validates what comes of it. Without `upcast` older data must fit the present schema as it is.
 * @param version the version of the envelope, from 1
 */
export function readEvent(event: EventRef, version: number, data: unknown): Decoded {
  if (version > event.version || version < 1 || !Number.isInteger(version))
    return { ok: false, issues: [{ path: '', message: `came in version ${version}; known are versions up to ${event.version}` }] };
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

import { type NamesOf, shown, unknownNames } from '../platform/index.ts';
import type { Profile, Topology } from './topology.ts';

const TOPOLOGY: NamesOf<Topology> = { services: true, gateways: true, profiles: true, foreign: true };
const PROFILE: NamesOf<Profile> = {
  store: true,
  bus: true,
  processes: true,
  admin: true,
  transports: true,
  discovery: true,
  limits: true,
};

/** Whether a value can be read as a topology at all. */
export const isTopology = (given: unknown): given is Topology =>
  ['services', 'gateways', 'profiles'].every((part) => {
    const value = (given as Record<string, unknown> | null | undefined)?.[part];
    return typeof value === 'object' && value !== null;
  });

/** Finds names that a topology does not know, and what it lacks. */
export function topologyProblems(topology: Topology): string[] {
  const problems = unknownNames(topology, TOPOLOGY).map((problem) => `topology: ${problem}`);
  if (Object.keys(topology.profiles).length === 0)
    problems.push("topology: it has no profile: write profiles: { monolith: { store: sqlite('.data'), bus: embedded() } }");
  return problems;
}

/** What each engine of a profile looks like when it is written. */
const ENGINES = {
  store: "sqlite('.data')",
  bus: 'embedded()',
  discovery: "consul('http://127.0.0.1:8500')",
  limits: "redis('redis://127.0.0.1:6379')",
} as const;
const REQUIRED: readonly string[] = ['store', 'bus'];

/** Finds names that a profile does not know, and engines that are missing, or values that are not engines. */
export function profileProblems(name: string, profile: Profile): string[] {
  const at = `profile '${name}'`;
  if (typeof profile !== 'object' || profile === null)
    return [`${at} is ${described(profile)}: write { store: ${ENGINES.store}, bus: ${ENGINES.bus} }`];
  const problems = unknownNames(profile, PROFILE).map((problem) => `${at}: ${problem}`);
  for (const [part, example] of Object.entries(ENGINES)) {
    const given = profile[part as keyof typeof ENGINES];
    if (given === undefined && !REQUIRED.includes(part)) continue;
    if (given === undefined) problems.push(`${at}: '${part}' is missing: write ${part}: ${example}`);
    else if (!isEngine(given)) problems.push(`${at}: '${part}' is ${described(given)}: write ${part}: ${example}`);
  }
  const { transports } = profile;
  if (transports !== undefined && !Array.isArray(transports))
    problems.push(`${at}: 'transports' is ${isEngine(transports) ? 'one transport' : described(transports)}: write a list, as [mux()]`);
  for (const transport of Array.isArray(transports) ? transports : [])
    if (!isEngine(transport)) problems.push(`${at}: 'transports' contains ${described(transport)}: write mux()`);
  return problems;
}

const isEngine = (given: unknown): boolean =>
  typeof given === 'object' && given !== null && typeof (given as { capabilities?: unknown }).capabilities === 'object';

/** Describes a value that is not an engine. */
function described(given: unknown): string {
  if (typeof given === 'function') return `the function '${given.name}', which is not called`;
  if (given instanceof Promise) return 'a promise (make the profile a function that awaits it)';
  return typeof given === 'object' && given !== null ? 'a plain object' : shown(given);
}

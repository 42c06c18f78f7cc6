import { shapeProblems } from './shapes.ts';
import type { Load } from './topology.ts';

/** Loads the modules of what this process hosts. */
export async function loadAll<T>(
  what: string,
  loads: Readonly<Record<string, Load<T>>>,
  hosts: ReadonlySet<string> | undefined,
  problems: string[],
): Promise<Map<string, T>> {
  const wanted = Object.entries(loads).filter(([name]) => hosts?.has(name) ?? true);
  const loaded = await Promise.all(
    wanted.map(async ([name, load]): Promise<[string, T] | undefined> => {
      try {
        const module = await load();
        if (module.default === undefined)
          problems.push(`${what} '${name}': its module has no default export; write 'export default ${what}(…)'`);
        else {
          const wrong = shapeProblems(what, name, module.default);
          if (wrong.length === 0) return [name, module.default];
          problems.push(...wrong);
        }
      } catch (error) {
        problems.push(`${what} '${name}' cannot be loaded: ${(error as Error).message}${placeOf(error)}`);
      }
      return undefined;
    }),
  );
  return new Map(loaded.filter((entry) => entry !== undefined));
}

/** Where a module that cannot be loaded is wrong, as its error says it: the first place in a file of the project. */
function placeOf(error: unknown): string {
  const places = ((error as Error)?.stack ?? '').matchAll(/(?:file:\/\/|[\s(]|^)((?:\/|[A-Z]:[\\/])[^\s():]*):(\d+)/gm);
  for (const [, file = '', line] of places) if (!/[\\/]node_modules[\\/]/.test(file)) return ` (${file}:${line})`;
  return '';
}

import { imports, resolver } from './imports.ts';
import { type Check, type Finding, isCode } from './source.ts';

interface Edge {
  readonly to: string;
  readonly line: number;
}

/** No file imports itself by a detour, not even for a type: what stands in a circle can only be understood whole. */
export const cycles: Check = (files) => {
  const resolve = resolver(files);
  const code = files.filter((file) => isCode(file.path));
  const known = new Set(code.map((file) => file.path));
  const edges = new Map<string, Edge[]>();
  for (const file of code) {
    const out = imports(file).map(({ specifier, line }) => ({ to: resolve(file.path, specifier) ?? '', line }));
    edges.set(
      file.path,
      out.filter((edge) => known.has(edge.to)),
    );
  }
  return circles(edges).map((members) => {
    const start = [...members].sort()[0] as string;
    const path = shortestCircle(start, members, edges);
    return {
      path: start,
      line: edges.get(start)?.find((edge) => edge.to === path[1])?.line ?? 1,
      rule: 'cycles',
      message: `import cycle: ${path.join(' -> ')}`,
      instead: 'move what both sides need into a file that imports neither',
    } satisfies Finding;
  });
};

/** Tarjan's strongly connected components, those of several files or of one that imports itself. */
function circles(edges: ReadonlyMap<string, readonly Edge[]>): Set<string>[] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const onStack = new Set<string>();
  const found: Set<string>[] = [];

  const visit = (node: string) => {
    index.set(node, index.size);
    low.set(node, index.size - 1);
    stack.push(node);
    onStack.add(node);
    for (const { to } of edges.get(node) ?? []) {
      if (!index.has(to)) visit(to);
      if (onStack.has(to)) low.set(node, Math.min(low.get(node) as number, low.get(to) as number));
    }
    if (low.get(node) !== index.get(node)) return;
    const members = new Set<string>();
    let member: string;
    do {
      member = stack.pop() as string;
      onStack.delete(member);
      members.add(member);
    } while (member !== node);
    if (members.size > 1 || edges.get(node)?.some((edge) => edge.to === node)) found.push(members);
  };

  for (const node of edges.keys()) if (!index.has(node)) visit(node);
  return found;
}

function shortestCircle(start: string, members: ReadonlySet<string>, edges: ReadonlyMap<string, readonly Edge[]>): string[] {
  const queue: string[][] = [[start]];
  const seen = new Set<string>();
  for (const path of queue) {
    for (const { to } of edges.get(path.at(-1) as string) ?? []) {
      if (to === start) return [...path, start];
      if (!members.has(to) || seen.has(to)) continue;
      seen.add(to);
      queue.push([...path, to]);
    }
  }
  return [start];
}

import type { JsonSchema } from './schema.ts';

interface FitOptions {
  /** Values have been through a codec, so that fields with a default are there. */
  readonly filled: boolean;
  /** Whoever takes the values validates them: limits count, and an object without room for further fields refuses them. */
  readonly strict: boolean;
}

type Node = JsonSchema;

const DEPTH_MAX = 32;
/** Limits that a value keeps when the number is at least so large, and when it is at most so large. */
const LEAST = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const MOST = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
const SAME = ['pattern', 'format', 'multipleOf', 'contentEncoding'];

/**
 * Why values that fit one JSON Schema may not fit another. For the schemas that contracts are made of: what it cannot
 * compare, it takes to be different.
 * @returns `, field 'a.b' …` for each place; empty when every value fits
 */
export function fitProblems(from: JsonSchema, to: JsonSchema, options: FitOptions): string[] {
  const problems: string[] = [];
  compare({ node: from, root: from }, { node: to, root: to }, [], options, (path, problem) =>
    problems.push(`${path.length === 0 ? '' : `, field '${path.join('.')}'`} ${problem}`),
  );
  return [...new Set(problems)];
}

interface Place {
  readonly node: Node;
  /** Where its references lead from. */
  readonly root: Node;
}
type Report = (path: readonly string[], problem: string) => void;

function compare(given: Place, wanted: Place, path: readonly string[], options: FitOptions, report: Report): void {
  // A schema that contains itself repeats from here on.
  if (path.length > DEPTH_MAX) return;
  const from = followed(given);
  const to = followed(wanted);
  if (saysNothing(to.node) || JSON.stringify(from) === JSON.stringify(to)) return;
  const alternatives = choices(from.node);
  if (alternatives) {
    for (const node of alternatives) compare({ node, root: from.root }, to, path, options, report);
    return;
  }
  const accepted = choices(to.node);
  if (accepted) {
    const fits = (node: Node) => {
      let fit = true;
      compare(from, { node, root: to.root }, path, options, () => (fit = false));
      return fit;
    };
    if (!accepted.some(fits)) report(path, `may be ${named(from.node)}, which was not so before`);
    return;
  }
  const values = valuesOf(to.node);
  if (values) {
    const news = valuesOf(from.node)?.filter((value) => !values.some((known) => JSON.stringify(known) === JSON.stringify(value)));
    if (!news) report(path, `is one of ${list(values)} on one side only`);
    else if (news.length > 0) report(path, `may be ${list(news)}`);
    return;
  }
  const type = to.node['type'];
  if (type !== undefined && !hasType(from.node, type)) {
    report(path, `is ${named(from.node)} on one side and ${named(to.node)} on the other`);
    return;
  }
  if (options.strict) limits(from.node, to.node, path, report);
  if (type === 'object') objects(from, to, path, options, report);
  if (type === 'array') compare(below(from, 'items'), below(to, 'items'), [...path, '*'], options, report);
}

function objects(from: Place, to: Place, path: readonly string[], options: FitOptions, report: Report): void {
  const has = fieldsOf(from.node);
  const wants = fieldsOf(to.node);
  const sure = new Set([
    ...requiredOf(from.node),
    ...(options.filled ? Object.entries(has).flatMap(([name, field]) => ('default' in field ? [name] : [])) : []),
  ]);
  const needed = [
    ...requiredOf(to.node),
    // Who was sure of a default misses it.
    ...(options.filled && !options.strict ? Object.entries(wants).flatMap(([name, field]) => ('default' in field ? [name] : [])) : []),
  ];
  for (const name of new Set(needed))
    if (!sure.has(name)) report([...path, name], name in has ? 'may be missing' : options.filled ? 'is not there any more' : 'is required');
  for (const [name, node] of Object.entries(has)) {
    const known = wants[name];
    if (known) compare({ node, root: from.root }, { node: known, root: to.root }, [...path, name], options, report);
    else if (options.strict && to.node['additionalProperties'] === false) report([...path, name], 'is refused by a strict object');
  }
  const further = to.node['additionalProperties'];
  if (typeof further === 'object' && further !== null)
    compare(below(from, 'additionalProperties'), { node: further as Node, root: to.root }, [...path, '*'], options, report);
}

function limits(from: Node, to: Node, path: readonly string[], report: Report): void {
  const tighter = (keyword: string, loosest: number, isTighter: (a: number, b: number) => boolean) => {
    const limit = to[keyword];
    if (typeof limit === 'number' && isTighter(limit, typeof from[keyword] === 'number' ? from[keyword] : loosest))
      report(path, `has ${keyword} ${limit}`);
  };
  for (const keyword of LEAST) tighter(keyword, Number.NEGATIVE_INFINITY, (a, b) => a > b);
  for (const keyword of MOST) tighter(keyword, Number.POSITIVE_INFINITY, (a, b) => a < b);
  for (const keyword of SAME)
    if (to[keyword] !== undefined && to[keyword] !== from[keyword]) report(path, `has ${keyword} ${String(to[keyword])}`);
}

function followed({ node, root }: Place): Place {
  const reference = node['$ref'];
  if (typeof reference !== 'string') return { node, root };
  const target = reference
    .replace(/^#\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], root);
  return { node: (target ?? {}) as Node, root };
}

const below = ({ node, root }: Place, keyword: string): Place => {
  const child = node[keyword];
  return { node: typeof child === 'object' && child !== null ? (child as Node) : {}, root };
};

function choices(node: Node): readonly Node[] | undefined {
  const given = node['anyOf'] ?? node['oneOf'];
  if (Array.isArray(given)) return given as Node[];
  const type = node['type'];
  return Array.isArray(type) ? type.map((one) => ({ ...node, type: one })) : undefined;
}

function valuesOf(node: Node): readonly unknown[] | undefined {
  if ('const' in node) return [node['const']];
  return Array.isArray(node['enum']) ? node['enum'] : undefined;
}

/** A value of an enumeration has a type, said or not. */
function hasType(node: Node, type: unknown): boolean {
  if (node['type'] === undefined) {
    const values = valuesOf(node);
    return values?.every((value) => (value === null ? type === 'null' : typeof value === type)) === true;
  }
  return node['type'] === type || (node['type'] === 'integer' && type === 'number');
}

const saysNothing = (node: Node): boolean =>
  Object.keys(node).every((keyword) =>
    ['$schema', 'description', 'title', 'secret', 'default', 'examples', '$defs', 'id'].includes(keyword),
  );

const fieldsOf = (node: Node): Record<string, Node> => (node['properties'] ?? {}) as Record<string, Node>;
const requiredOf = (node: Node): readonly string[] => (node['required'] ?? []) as readonly string[];
const named = (node: Node): string => String(node['type'] ?? (valuesOf(node) ? list(valuesOf(node) ?? []) : 'anything'));
const list = (values: readonly unknown[]): string => values.map((value) => JSON.stringify(value)).join(', ');

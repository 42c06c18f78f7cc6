import type { JsonSchema } from './schema.ts';

interface FitOptions {
  /** Whether a codec has decoded the values, so that fields with a default are present. */
  readonly filled: boolean;
  /** Whether the receiver validates the values: then limits count, and a strict object refuses unknown fields. */
  readonly strict: boolean;
  /** Which of the two schemas is the newer one: it decides whether a missing field is new or was removed (default `from`). */
  readonly newer?: 'from' | 'to';
}

type Node = JsonSchema;

const DEPTH_MAX = 32;
/** Limits that a value keeps when the new number is at least as large, and when it is at most as large. */
const LEAST = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const MOST = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
const SAME = ['pattern', 'format', 'multipleOf', 'contentEncoding'];

/**
 * Explains why values that fit one JSON Schema may not fit another. It is made for the schemas of contracts: what it cannot
 * compare, it considers different.
 * @returns `, field 'a.b' …` for each place; empty when every value fits
 */
export function fitProblems(from: JsonSchema, to: JsonSchema, options: FitOptions): string[] {
  const problems: string[] = [];
  compare({ node: from, root: from }, { node: to, root: to }, [], options, (path, problem) =>
    problems.push(`${path.length === 0 ? '' : `, field '${path.join('.')}'`} ${problem}`),
  );
  return [...new Set(problems)];
}

/** Keywords that describe a value without limiting it. */
const ABOUT = new Set([
  '$schema',
  '$defs',
  '$comment',
  'id',
  'title',
  'description',
  'secret',
  'default',
  'examples',
  'readOnly',
  'deprecated',
]);
/** Keywords that are compared here; any other keyword fits only if its text is the same. */
const COMPARED = new Set([
  ...ABOUT,
  ...LEAST,
  ...MOST,
  ...SAME,
  ...['$ref', 'type', 'const', 'enum', 'anyOf', 'oneOf', 'allOf', 'items', 'prefixItems'],
  ...['properties', 'required', 'additionalProperties', 'propertyNames'],
]);

interface SchemaPlace {
  readonly node: Node;
  /** The schema in which its references are resolved. */
  readonly root: Node;
}
type ReportAt = (path: readonly string[], problem: string) => void;
const STRING: SchemaPlace = { node: { type: 'string' }, root: {} };

function compare(given: SchemaPlace, wanted: SchemaPlace, path: readonly string[], options: FitOptions, report: ReportAt): void {
  // A schema that contains itself repeats from here.
  if (path.length > DEPTH_MAX) return;
  const from = followed(given);
  const to = followed(wanted);
  if (saysNothing(to.node) || neverIs(from.node) || JSON.stringify(from) === JSON.stringify(to)) return;
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
  for (const node of partsOf(to.node)) compare(from, { node, root: to.root }, path, options, report);
  for (const keyword of Object.keys(to.node))
    if (!COMPARED.has(keyword) && JSON.stringify(from.node[keyword]) !== JSON.stringify(to.node[keyword]))
      report(path, `has '${keyword}', which cannot be compared`);
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
  if (type === 'array') arrays(from, to, path, options, report);
}

function arrays(from: SchemaPlace, to: SchemaPlace, path: readonly string[], options: FitOptions, report: ReportAt): void {
  const wants = elementsOf(to.node);
  const has = elementsOf(from.node);
  if (wants.length > has.length && Number(from.node['minItems'] ?? 0) < wants.length) {
    report(path, `is a tuple of ${wants.length} on one side only`);
    return;
  }
  for (let at = 0; at < Math.max(has.length, wants.length); at++) {
    const node = has[at];
    const given = node ? { node, root: from.root } : below(from, 'items');
    const wanted = wants[at];
    if (wanted) compare(given, { node: wanted, root: to.root }, [...path, `${at}`], options, report);
    else if (to.node['items'] !== false) compare(given, below(to, 'items'), [...path, `${at}`], options, report);
    else report([...path, `${at}`], 'is not there any more');
  }
  if (from.node['items'] === false || Number(from.node['maxItems'] ?? Number.POSITIVE_INFINITY) <= has.length) return;
  if (to.node['items'] === false) report(path, 'may have further elements');
  else compare(below(from, 'items'), below(to, 'items'), [...path, '*'], options, report);
}

function objects(from: SchemaPlace, to: SchemaPlace, path: readonly string[], options: FitOptions, report: ReportAt): void {
  const has = fieldsOf(from.node);
  const wants = fieldsOf(to.node);
  const sure = new Set([
    ...requiredOf(from.node),
    ...(options.filled ? Object.entries(has).flatMap(([name, field]) => ('default' in field ? [name] : [])) : []),
  ]);
  const needed = [
    ...requiredOf(to.node),
    // A reader that relied on a default misses it.
    ...(options.filled && !options.strict ? Object.entries(wants).flatMap(([name, field]) => ('default' in field ? [name] : [])) : []),
  ];
  for (const name of new Set(needed))
    if (!sure.has(name))
      report([...path, name], name in has ? 'may be missing' : options.newer === 'to' ? 'is required' : 'is not there any more');
  for (const [name, node] of Object.entries(has)) {
    const known = wants[name];
    if (known) compare({ node, root: from.root }, { node: known, root: to.root }, [...path, name], options, report);
    else if (options.strict && to.node['additionalProperties'] === false) report([...path, name], 'is refused by a strict object');
  }
  furtherFields(from, to, path, options, report);
}

/** Compares fields that an object may have without naming them: those of records, and of objects that allow unknown fields. */
function furtherFields(from: SchemaPlace, to: SchemaPlace, path: readonly string[], options: FitOptions, report: ReportAt): void {
  const [has, wants] = [fieldsOf(from.node), fieldsOf(to.node)];
  const { additionalProperties: given, propertyNames } = from.node;
  const { additionalProperties: wanted } = to.node;
  // A codec removes fields that its object does not name; a sender without a codec may send any field.
  const isOpen = given !== false && (given !== undefined || (!options.filled && propertyNames === undefined));
  const named = given !== undefined && given !== false;
  if (named) {
    for (const [name, node] of Object.entries(wants))
      if (!(name in has)) compare(below(from, 'additionalProperties'), { node, root: to.root }, [...path, name], options, report);
    if (options.strict && wanted === false) report(path, 'may have further fields, which a strict object refuses');
  }
  if (to.node['propertyNames'] !== undefined) {
    const names = below(to, 'propertyNames');
    for (const name of Object.keys(has))
      compare({ node: { type: 'string', const: name }, root: from.root }, names, [...path, name], options, report);
    if (isOpen) compare(propertyNames === undefined ? STRING : below(from, 'propertyNames'), names, [...path, '*'], options, report);
  }
  if (typeof wanted !== 'object' || wanted === null) return;
  const rest = { node: wanted as Node, root: to.root };
  for (const [name, node] of Object.entries(has))
    if (!(name in wants)) compare({ node, root: from.root }, rest, [...path, name], options, report);
  if (isOpen) compare(below(from, 'additionalProperties'), rest, [...path, '*'], options, report);
}

function limits(from: Node, to: Node, path: readonly string[], report: ReportAt): void {
  const tighter = (keyword: string, loosest: number, isTighter: (a: number, b: number) => boolean) => {
    const limit = to[keyword];
    if (typeof limit === 'number' && isTighter(limit, typeof from[keyword] === 'number' ? from[keyword] : loosest))
      report(path, `has ${keyword} ${limit}`);
  };
  for (const keyword of LEAST) tighter(keyword, Number.NEGATIVE_INFINITY, (a, b) => a > b);
  for (const keyword of MOST) tighter(keyword, Number.POSITIVE_INFINITY, (a, b) => a < b);
  for (const keyword of SAME)
    if (to[keyword] !== undefined && ![from, ...partsOf(from)].some((part) => part[keyword] === to[keyword]))
      report(path, `has ${keyword} ${String(to[keyword])}`);
}

function followed({ node, root }: SchemaPlace): SchemaPlace {
  const reference = node['$ref'];
  if (typeof reference !== 'string') return { node, root };
  const target = reference
    .replace(/^#\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .reduce<unknown>((at, part) => (at as Record<string, unknown> | undefined)?.[part], root);
  return { node: (target ?? {}) as Node, root };
}

const below = ({ node, root }: SchemaPlace, keyword: string): SchemaPlace => {
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

/** Adds the type that the values of an enumeration imply. */
function hasType(node: Node, type: unknown): boolean {
  if (node['type'] === undefined) {
    const values = valuesOf(node);
    return values?.every((value) => (value === null ? type === 'null' : typeof value === type)) === true;
  }
  return node['type'] === type || (node['type'] === 'integer' && type === 'number');
}

const saysNothing = (node: Node): boolean => Object.keys(node).every((keyword) => ABOUT.has(keyword));

/** Whether no value fits a schema. */
const neverIs = ({ not }: Node): boolean => typeof not === 'object' && not !== null && Object.keys(not).length === 0;

const partsOf = (node: Node): readonly Node[] => (Array.isArray(node['allOf']) ? (node['allOf'] as Node[]) : []);
const elementsOf = (node: Node): readonly Node[] => (Array.isArray(node['prefixItems']) ? (node['prefixItems'] as Node[]) : []);

const fieldsOf = (node: Node): Record<string, Node> => (node['properties'] ?? {}) as Record<string, Node>;
const requiredOf = (node: Node): readonly string[] => (node['required'] ?? []) as readonly string[];
const named = (node: Node): string => String(node['type'] ?? (valuesOf(node) ? list(valuesOf(node) ?? []) : 'anything'));
const list = (values: readonly unknown[]): string => values.map((value) => JSON.stringify(value)).join(', ');

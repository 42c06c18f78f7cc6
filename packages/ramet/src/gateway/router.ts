import { isReservedKey } from './request/json-body.ts';

/** The route of a request. */
export interface Matched<R> {
  readonly route: R;
  /** The decoded segments of the parameters by name. The object has no prototype. */
  readonly params: Readonly<Record<string, string>>;
}

/** A path that has routes, but not for the method of the request. The methods are sorted, for the `allow` header of a 405. */
export interface WrongMethod {
  readonly allowed: readonly string[];
}

/** Finds the route of a path and a method. */
export interface Router<R> {
  /**
   * Adds a route.
   * @param method in upper case; a route for `GET` answers `HEAD` too, unless the pattern has a route for `HEAD`
   * @param pattern such as `/orders/{orderId}/events`: a parameter is a whole segment
   * @throws RangeError when the pattern is not valid, or the method already has a route that matches the same paths
   */
  add(method: string, pattern: string, route: R): void;
  /**
   * Finds the route of a request, and reads each segment once. A literal wins over a parameter, from the left. A route with the
   * literal but without the method does not hide a route with both. A parameter never matches an empty segment.
   * @param segments the decoded segments of the canonical path
   */
  match(method: string, segments: readonly string[]): Matched<R> | WrongMethod | undefined;
}

interface RouteEntry<R> {
  readonly pattern: string;
  readonly route: R;
  readonly params: readonly PatternParameter[];
}

interface PatternParameter {
  readonly name: string;
  readonly index: number;
}

/** A node for each prefix of the patterns that were added. */
interface PatternNode<R> {
  readonly literals: Map<string, PatternNode<R>>;
  parameter: PatternNode<R> | undefined;
  readonly entries: Map<string, RouteEntry<R>>;
}

/** The nodes that a path may have reached, merged into one state, so that matching never goes back. */
interface State<R> {
  readonly literals: ReadonlyMap<string, State<R>>;
  readonly other: State<R> | undefined;
  readonly entries: ReadonlyMap<string, RouteEntry<R>>;
  readonly allowed: readonly string[];
}

/** Overlapping patterns multiply states. More states than this come from generated patterns, and boot should say so. */
const MAX_STATES = 20_000;

/**
 * Makes a router over whole segments. Patterns do not hold regular expressions, because a hostile path can keep one busy for
 * hundreds of milliseconds (CVE-2024-45296). The first match after an `add` merges the trie of patterns into a deterministic
 * automaton (the subset construction), so a match costs one map look-up per segment, however routes overlap.
 */
export function createRouter<R>(): Router<R> {
  const root: PatternNode<R> = emptyNode();
  let start: State<R> | undefined;

  return {
    add(method, pattern, route) {
      if (!/^[A-Z]+(?:-[A-Z]+)*$/.test(method)) throw new RangeError(`'${method}' is not a method: write it in upper case, as GET`);
      let node = root;
      const params: PatternParameter[] = [];
      for (const [index, segment] of segmentsOf(pattern).entries()) {
        if (segment.startsWith('{')) {
          params.push({ name: paramName(segment, pattern, params), index });
          node.parameter ??= emptyNode();
          node = node.parameter;
        } else {
          const next = node.literals.get(segment) ?? emptyNode();
          node.literals.set(segment, next);
          node = next;
        }
      }
      const other = node.entries.get(method);
      if (other) throw new RangeError(`${method} ${pattern} and ${method} ${other.pattern} match the same paths: keep one of them`);
      node.entries.set(method, { pattern, route, params });
      start = undefined;
    },

    match(method, segments) {
      start ??= merge([root], { states: 0 });
      let state: State<R> | undefined = start;
      for (const segment of segments) {
        state = state.literals.get(segment) ?? (segment === '' ? undefined : state.other);
        if (state === undefined) return undefined;
      }
      const entry = state.entries.get(method);
      if (entry === undefined) return state.allowed.length > 0 ? { allowed: state.allowed } : undefined;
      const params: Record<string, string> = Object.create(null);
      for (const { name, index } of entry.params) params[name] = segments[index] as string;
      return { route: entry.route, params };
    },
  };
}

function emptyNode<R>(): PatternNode<R> {
  return { literals: new Map(), parameter: undefined, entries: new Map() };
}

/**
 * @param nodes the nodes that the segments so far reach, the one with the leftmost literals first
 * @throws RangeError when patterns overlap so much that the automaton would fill the memory
 */
function merge<R>(nodes: readonly PatternNode<R>[], count: { states: number }): State<R> {
  count.states += 1;
  if (count.states > MAX_STATES) throw new RangeError(`The patterns of the routes overlap in more than ${MAX_STATES} ways`);
  const entries = new Map<string, RouteEntry<R>>();
  for (const node of nodes) {
    for (const [method, entry] of node.entries) if (!entries.has(method)) entries.set(method, entry);
    const get = node.entries.get('GET');
    if (get && !entries.has('HEAD')) entries.set('HEAD', get);
  }
  const parameters = nodes.flatMap((node) => node.parameter ?? []);
  const literals = new Map<string, State<R>>();
  for (const literal of new Set(nodes.flatMap((node) => [...node.literals.keys()]))) {
    literals.set(literal, merge(reachedBy(nodes, literal), count));
  }
  return {
    literals,
    other: parameters.length > 0 ? merge(parameters, count) : undefined,
    entries,
    allowed: [...entries.keys()].sort(),
  };
}

function reachedBy<R>(nodes: readonly PatternNode<R>[], literal: string): PatternNode<R>[] {
  return nodes.flatMap((node) => [node.literals.get(literal) ?? [], node.parameter ?? []].flat());
}

const LITERAL = /^[A-Za-z0-9\-._~!$&'()*+,=:@]+$/;

function segmentsOf(pattern: string): string[] {
  if (pattern === '/') return [];
  if (!pattern.startsWith('/') || pattern.endsWith('/')) {
    throw new RangeError(`'${pattern}' is not a pattern: begin it with a slash, and do not end it with one`);
  }
  const segments = pattern.slice(1).split('/');
  for (const segment of segments) {
    if (/^(?::|\*+$)/.test(segment)) {
      throw new RangeError(`'${segment}' in '${pattern}' is not a segment: write a parameter as one name in braces, as {orderId}`);
    }
    if (segment === '.' || segment === '..' || !(LITERAL.test(segment) || /^\{.*\}$/.test(segment))) {
      throw new RangeError(`'${segment}' in '${pattern}' is not a segment: write plain ASCII letters, or one {parameter}`);
    }
  }
  return segments;
}

function paramName(segment: string, pattern: string, before: readonly PatternParameter[]): string {
  const name = segment.slice(1, -1);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || isReservedKey(name)) {
    throw new RangeError(`'${segment}' in '${pattern}' is not a parameter: write one name in braces, as {orderId}`);
  }
  if (before.some((param) => param.name === name))
    throw new RangeError(`'${pattern}' has the parameter {${name}} twice: rename one of them`);
  return name;
}

import { hash32 } from '../platform/index.ts';
import type { JsonSchema } from './standard.ts';

const FEW = 6;
const MANY = 64;
const DEPTH_MAX = 6;
/** Texts with spaces and letters of both cases, so that a schema that trims or changes them is found. */
const TEXTS = [' Ab 1', 'a', '1', 'true', 'Ab-cd_EF', '2026-02-03'];
const FORMATS: Readonly<Record<string, string>> = {
  'date-time': '2026-02-03T04:05:06Z',
  date: '2026-02-03',
  time: '04:05:06',
  duration: 'P1D',
  email: 'ada@example.org',
  uri: 'https://example.org/a',
  uuid: '0190a1b2-c3d4-4e5f-8a9b-0c1d2e3f4a5b',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
};

/**
 * Makes values that probably fit the schema, with every optional field. They differ in their texts and numbers, and in the
 * alternatives that they use where there are several.
 */
export function* samplesOf(schema: JsonSchema): Generator<unknown> {
  const count = /"(?:anyOf|oneOf)"|"type":\[/.test(JSON.stringify(schema)) ? MANY : FEW;
  for (let nth = 0; nth < count; nth++) yield valueAt(schema, { root: schema, nth, path: '', depth: 0 });
}

interface At {
  readonly root: JsonSchema;
  readonly nth: number;
  /** Two places of one value choose independently. */
  readonly path: string;
  readonly depth: number;
}

const below = (at: At, name: string | number): At => ({ ...at, path: `${at.path}.${name}`, depth: at.depth + 1 });
const chosen = (at: At, count: number): number => hash32(`${at.path}|${at.nth}`) % count;

function valueAt(given: JsonSchema, at: At): unknown {
  const node = resolved(given, at.root);
  const alternatives = node['enum'] ?? node['anyOf'] ?? node['oneOf'];
  if ('const' in node) return node['const'];
  if (Array.isArray(alternatives) && alternatives.length > 0) {
    const one: unknown = alternatives[chosen(at, alternatives.length)];
    return 'enum' in node ? one : valueAt(one as JsonSchema, below(at, '|'));
  }
  const types = [node['type']].flat();
  const type = types[chosen(at, types.length)];
  if (type === 'object') return objectOf(node, at);
  if (type === 'array') return arrayOf(node, at);
  if (type === 'boolean') return at.nth % 2 === 0;
  if (type === 'number' || type === 'integer') return numberOf(node, at);
  if (type === 'null') return null;
  return textOf(node, at);
}

function resolved(node: JsonSchema, root: JsonSchema): JsonSchema {
  const reference = node['$ref'];
  if (typeof reference !== 'string') return node;
  const path = reference.replace(/^#\/?/, '').split('/');
  return path.filter((part) => part !== '').reduce<any>((inside, part) => inside?.[part], root) ?? {};
}

function objectOf(node: JsonSchema, at: At): unknown {
  const fields = Object.entries((node['properties'] ?? {}) as Record<string, JsonSchema>);
  const required = new Set((node['required'] ?? []) as readonly string[]);
  const value: Record<string, unknown> = {};
  for (const [name, field] of fields) if (at.depth < DEPTH_MAX || required.has(name)) value[name] = valueAt(field, below(at, name));
  const further = node['additionalProperties'];
  if (typeof further !== 'object' || further === null || at.depth >= DEPTH_MAX) return value;
  const names = node['propertyNames'] === undefined ? [] : [String(valueAt(node['propertyNames'] as JsonSchema, at))];
  for (const name of [...required, ...names]) value[name] ??= valueAt(further as JsonSchema, below(at, name));
  return value;
}

function arrayOf(node: JsonSchema, at: At): unknown {
  const items = ((node['prefixItems'] ?? []) as readonly JsonSchema[]).map((item, n) => valueAt(item, below(at, n)));
  const rest = node['items'];
  const least = Math.max(Number(node['minItems'] ?? 0), at.depth < DEPTH_MAX ? 1 : 0);
  if (typeof rest === 'object' && rest !== null)
    while (items.length < least) items.push(valueAt(rest as JsonSchema, below(at, items.length)));
  return items;
}

function numberOf(node: JsonSchema, { nth }: At): number {
  const least = Number(node['minimum'] ?? Number(node['exclusiveMinimum'] ?? -1) + 1);
  const most = Number(node['maximum'] ?? Number(node['exclusiveMaximum'] ?? Number.MAX_SAFE_INTEGER) - 1);
  const step = Number(node['multipleOf'] ?? 1);
  return Math.min(Math.max(Math.ceil(least / step) * step, 0) + nth * step, most);
}

function textOf(node: JsonSchema, { nth }: At): string {
  const text = FORMATS[String(node['format'])] ?? (TEXTS[nth % TEXTS.length] as string);
  const padded = text.padEnd(Number(node['minLength'] ?? 0), 'a');
  return padded.slice(0, Number(node['maxLength'] ?? padded.length));
}

import type { Codec } from '../../contract/index.ts';
import { ERRORS, type ErrorCode } from '../../errors/index.ts';
import type { GatewayDefinition } from '../gateway.ts';
import type { GatewayRoute } from '../routes.ts';
import type { DocumentSchemas } from './schemas.ts';

/** The errors that the framework may answer on every route, besides those of the contract. All others are `default`. */
const ALWAYS: readonly ErrorCode[] = [
  'BadRequest',
  'MalformedRequest',
  'Internal',
  'InvalidOutput',
  'Unavailable',
  'Overloaded',
  'DeadlineExceeded',
];
const WITH_BODY: readonly ErrorCode[] = ['MalformedBody', 'PayloadTooLarge', 'UnsupportedMediaType'];
const WITH_TOKEN: readonly ErrorCode[] = ['MissingToken', 'InvalidToken'];
/** The statuses whose answers say when to try again. */
const TRY_AGAIN = new Set([429, 503]);

/** The headers of answers, as components of the document. */
export const HEADERS = {
  'X-Correlation-Id': { description: 'Names this request in logs and traces', schema: { type: 'string' } },
  'Retry-After': { description: 'Seconds until it makes sense to try again', schema: { type: 'integer', minimum: 1 } },
  'RateLimit-Limit': { description: 'Requests that are allowed at once', schema: { type: 'integer' } },
  'RateLimit-Remaining': { description: 'Requests that are left', schema: { type: 'integer' } },
  'RateLimit-Reset': { description: 'Seconds until all are allowed again', schema: { type: 'integer' } },
  'WWW-Authenticate': { description: 'What is wrong with the token (RFC 6750)', schema: { type: 'string' } },
};

/** The schema of a problem of the framework. */
export const PROBLEM = {
  type: 'object',
  description: 'RFC 9457',
  required: ['type', 'title', 'status', 'code'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    detail: { type: 'string' },
    errors: {
      type: 'array',
      items: { type: 'object', required: ['path', 'message'], properties: { path: { type: 'string' }, message: { type: 'string' } } },
    },
    correlationId: { type: 'string' },
  },
};

/** Describes all answers of a route by their status: success, each declared failure with its data, and the errors of the framework. */
export function responsesOf(
  definition: GatewayDefinition,
  route: GatewayRoute,
  id: string,
  schemas: DocumentSchemas,
): Record<string, object> {
  const declared = new Map<number, { title: string; schema: object }[]>();
  const add = (status: number, title: string, schema: object) => declared.set(status, [...(declared.get(status) ?? []), { title, schema }]);
  for (const [name, { status, data }] of route.kind === 'compose' ? route.errors : route.compiled.errors)
    add(status, name, failureSchema(name, status, data, schemas, `${id}_${name}`));
  for (const [status, codes] of byStatus(frameworkCodes(definition, route)))
    add(status, titleOf(codes), { $ref: '#/components/schemas/Problem', properties: { code: { enum: codes } } });
  const responses: Record<string, object> = { [String(route.status)]: success(route, id, schemas) };
  for (const [status, answers] of [...declared].sort(([a], [b]) => a - b)) {
    const [first] = answers;
    const schema = answers.length === 1 ? first?.schema : { oneOf: answers.map((answer) => answer.schema) };
    responses[String(status)] = {
      description: answers.map(({ title }) => title).join(', or: '),
      headers: headersOf(status, definition, route),
      content: { 'application/problem+json': { schema } },
    };
  }
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return { ...responses, default: { description: 'Any other problem', headers: headersOf(0, definition, route), content } };
}

function success(route: GatewayRoute, id: string, schemas: DocumentSchemas): object {
  const output = route.kind === 'compose' ? route.output : route.compiled.output;
  const schema = output && output.jsonSchema['type'] !== 'null' ? schemas.of(output.jsonSchema, `${id}_output`) : undefined;
  const headers = { 'X-Correlation-Id': { $ref: '#/components/headers/X-Correlation-Id' } };
  if (route.kind !== 'stream')
    return { description: 'Success', headers, ...(schema ? { content: { 'application/json': { schema } } } : {}) };
  const description =
    'Server-sent events. The data of each event is one of these as JSON; comments between the events show that the stream is open.';
  return { description, headers, content: { 'text/event-stream': { schema: schema ?? {} } } };
}

function failureSchema(name: string, status: number, data: Codec, schemas: DocumentSchemas, component: string): object {
  const has = data.jsonSchema['type'] !== 'null';
  return {
    type: 'object',
    title: name,
    required: ['type', 'title', 'status', 'code', ...(has ? ['data'] : [])],
    properties: {
      type: { const: `urn:ramet:failure:${name}` },
      title: { const: name },
      status: { const: status },
      code: { const: name },
      ...(has ? { data: schemas.of(data.jsonSchema, component) } : {}),
      correlationId: { type: 'string' },
    },
  };
}

function frameworkCodes(definition: GatewayDefinition, route: GatewayRoute): ErrorCode[] {
  const withToken = !('access' in route.access && route.access.access === 'public');
  const isLimited = (route.limit ?? definition.limit) || withToken || route.kind === 'stream';
  const changes = route.method !== 'GET' && route.kind !== 'stream';
  return [
    ...ALWAYS,
    ...(takesBody(route) ? WITH_BODY : []),
    ...(route.keyRequired ? (['MissingIdempotencyKey'] as const) : []),
    ...(changes ? (['IdempotencyKeyReused'] as const) : []),
    ...(withToken ? WITH_TOKEN : []),
    ...('scope' in route.access ? (['Forbidden'] as const) : []),
    ...(isLimited ? (['TooManyRequests'] as const) : []),
  ];
}

/** Whether input that is not in the path comes in the body, and not in the query. */
export const takesBody = ({ method }: GatewayRoute): boolean => method !== 'GET' && method !== 'DELETE';

function byStatus(codes: readonly ErrorCode[]): Map<number, ErrorCode[]> {
  const found = new Map<number, ErrorCode[]>();
  for (const code of codes) found.set(ERRORS[code].status, [...(found.get(ERRORS[code].status) ?? []), code]);
  return found;
}

const titleOf = (codes: readonly ErrorCode[]): string => codes.map((code) => ERRORS[code].title).join('; ');

function headersOf(status: number, definition: GatewayDefinition, route: GatewayRoute): object {
  const names = ['X-Correlation-Id'];
  if (TRY_AGAIN.has(status)) names.push('Retry-After');
  if (status === 401 || (status === 403 && 'scope' in route.access)) names.push('WWW-Authenticate');
  if (status === 429 && (route.limit ?? definition.limit)) names.push('RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset');
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

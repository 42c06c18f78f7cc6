import { type JsonSchema, withoutSecrets } from '../contract/index.ts';
import type { GatewayDefinition } from './gateway.ts';
import type { Route } from './routes.ts';

/** The OpenAPI 3.1 document of what a gateway exposes, from the contracts alone. */
export function openApi(definition: GatewayDefinition, routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const methods = paths[route.pattern] ?? {};
    paths[route.pattern] = methods;
    methods[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: '3.1.0',
    info: definition.info,
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: {
        Problem: {
          type: 'object',
          required: ['type', 'title', 'status', 'code'],
          properties: {
            type: { type: 'string' },
            title: { type: 'string' },
            status: { type: 'integer' },
            code: { type: 'string' },
            detail: { type: 'string' },
            errors: { type: 'array', items: { type: 'object', properties: { path: { type: 'string' }, message: { type: 'string' } } } },
            data: {},
            correlationId: { type: 'string' },
          },
        },
      },
    },
  };
}

const plain = ({ $schema: _dialect, ...schema }: JsonSchema): object => withoutSecrets(schema);

function operationOf(route: Route): object {
  const parameters = [...route.pattern.matchAll(/\{([^}]*)\}/g)].map((match) => match[1] as string);
  const input = withoutSecrets(route.input.jsonSchema);
  const properties = (input['properties'] ?? {}) as Record<string, object>;
  const required = (input['required'] ?? []) as string[];
  const others = Object.keys(properties).filter((name) => !parameters.includes(name));
  const withBody = route.method !== 'GET' && route.method !== 'DELETE';
  const publicly = 'access' in route.access && route.access.access === 'public';
  return {
    operationId:
      route.kind === 'compose'
        ? `${route.method.toLowerCase()}${route.pattern.replace(/[^a-zA-Z0-9]+(\w?)/g, (_all, letter: string) => letter.toUpperCase())}`
        : route.compiled.fullName.replace('.', '_'),
    ...(publicly ? { security: [] } : { security: [{ bearer: 'scope' in route.access ? [route.access.scope] : [] }] }),
    parameters: [
      ...parameters.map((name) => ({ name, in: 'path', required: true, schema: properties[name] ?? { type: 'string' } })),
      ...(withBody ? [] : others.map((name) => ({ name, in: 'query', required: required.includes(name), schema: properties[name] }))),
      ...(route.keyRequired ? [{ name: 'Idempotency-Key', in: 'header', required: true, schema: { type: 'string', maxLength: 255 } }] : []),
    ],
    ...(withBody && others.length > 0
      ? {
          requestBody: {
            required: others.some((name) => required.includes(name)),
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  properties: Object.fromEntries(others.map((name) => [name, properties[name]])),
                  required: required.filter((name) => others.includes(name)),
                },
              },
            },
          },
        }
      : {}),
    responses: responsesOf(route),
  };
}

function responsesOf(route: Route): Record<string, object> {
  const output = route.kind === 'compose' ? route.output : route.compiled.output;
  const schema = output && output.jsonSchema['type'] !== 'null' ? plain(output.jsonSchema) : undefined;
  const problem = (description: string) => ({
    description,
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  });
  const type = route.kind === 'stream' ? 'text/event-stream' : 'application/json';
  const responses: Record<string, object> = {
    [String(route.status)]: { description: 'Success', ...(schema ? { content: { [type]: { schema } } } : {}) },
    '400': problem('The request does not fit'),
  };
  for (const [name, { status }] of route.kind === 'compose' ? route.errors : route.compiled.errors)
    responses[String(status)] = problem(name);
  if (!('access' in route.access && route.access.access === 'public')) responses['401'] = problem('No token, or an invalid one');
  if (route.limit !== false) responses['429'] = problem('Too many requests');
  return responses;
}

import { z } from 'zod';
import { PROBLEM } from '../gateway/index.ts';
import { ADMIN_ROUTES, type RouteShape } from './contract/index.ts';

/** Describes the admin interface in OpenAPI 3.1. */
export function adminDocument(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const [operationId, shape] of Object.entries<RouteShape>(ADMIN_ROUTES)) {
    const path = shape.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [shape.method.toLowerCase()]: operationOf(operationId, shape) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Ramet admin interface', version: '1' },
    security: [{ bearer: [] }],
    paths,
    components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } }, schemas: { Problem: PROBLEM } },
  };
}

function operationOf(operationId: string, { path, summary, filters, body, output }: RouteShape): object {
  const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return {
    operationId,
    summary,
    parameters: [
      ...[...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...Object.entries(filters).map(([name, schema]) => ({ name, in: 'query', required: false, schema: jsonSchemaOf(schema, 'input') })),
    ],
    ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: jsonSchemaOf(body, 'input') } } } } : {}),
    responses: {
      200: { description: 'Success', content: { 'application/json': { schema: jsonSchemaOf(output, 'output') } } },
      default: { description: 'A problem', content: problem },
    },
  };
}

function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _dialect, ...own } = z.toJSONSchema(schema, { io });
  return own;
}

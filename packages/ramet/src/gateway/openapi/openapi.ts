import type { GatewayDefinition } from '../gateway.ts';
import type { GatewayRoute } from '../routes.ts';
import { HEADERS, PROBLEM, responsesOf, takesBody } from './responses.ts';
import { DocumentSchemas } from './schemas.ts';

/** Makes the OpenAPI 3.1 document of the routes of a gateway, from the contracts alone. */
export function openApi(definition: GatewayDefinition, routes: readonly GatewayRoute[]): object {
  const paths: Record<string, Record<string, object>> = {};
  const schemas = new DocumentSchemas();
  const ids = new Set<string>();
  for (const route of routes) {
    const methods = paths[route.pattern] ?? {};
    paths[route.pattern] = methods;
    methods[route.method.toLowerCase()] = operationOf(definition, route, idOf(route, ids), schemas);
  }
  return {
    openapi: '3.1.0',
    info: definition.info,
    paths,
    components: {
      ...(definition.authenticate ? { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } } : {}),
      headers: HEADERS,
      schemas: { Problem: PROBLEM, ...schemas.components },
    },
  };
}

/** Makes a unique name for an operation: a contract may be exposed under several prefixes. */
function idOf(route: GatewayRoute, taken: Set<string>): string {
  const byPath = `${route.method.toLowerCase()}${route.pattern.replace(/[^a-zA-Z0-9]+(\w?)/g, (_all, letter: string) => letter.toUpperCase())}`;
  const name = route.kind === 'compose' ? byPath : route.compiled.fullName.replaceAll(/[^a-zA-Z0-9]+/g, '_');
  let id = taken.has(name) ? byPath : name;
  for (let n = 2; taken.has(id); n++) id = `${byPath}${n}`;
  taken.add(id);
  return id;
}

function operationOf(definition: GatewayDefinition, route: GatewayRoute, id: string, schemas: DocumentSchemas): object {
  const inPath = [...route.pattern.matchAll(/\{([^}]*)\}/g)].map((match) => match[1] as string);
  const { properties, required } = schemas.fieldsOf(route.input.jsonSchema, `${id}_input`);
  const others = Object.keys(properties).filter((name) => !inPath.includes(name));
  const isPublic = 'access' in route.access && route.access.access === 'public';
  const inQuery = takesBody(route) ? [] : others;
  const body = takesBody(route) ? others : [];
  return {
    operationId: id,
    ...(route.kind === 'compose' ? {} : { tags: [route.compiled.operation.service] }),
    security: isPublic ? [] : [{ bearer: 'scope' in route.access ? [route.access.scope] : [] }],
    parameters: [
      ...inPath.map((name) => ({ name, in: 'path', required: true, schema: properties[name] ?? { type: 'string' } })),
      ...inQuery.map((name) => ({ name, in: 'query', required: required.includes(name), schema: properties[name] })),
      ...keyParameter(route),
    ],
    ...(body.length > 0 ? { requestBody: requestBody(properties, required, body) } : {}),
    responses: responsesOf(definition, route, id, schemas),
  };
}

/** Commands may be repeated under an idempotency key. */
function keyParameter(route: GatewayRoute): object[] {
  if (route.method === 'GET' || route.kind === 'stream') return [];
  const schema = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' };
  const description = 'Make a new key for each intention, and repeat a request under its key: the repeat gets the stored answer';
  return [{ name: 'Idempotency-Key', in: 'header', required: route.keyRequired, description, schema }];
}

function requestBody(properties: Readonly<Record<string, object>>, required: readonly string[], fields: readonly string[]): object {
  const needed = required.filter((name) => fields.includes(name));
  const schema = {
    type: 'object',
    properties: Object.fromEntries(fields.map((name) => [name, properties[name]])),
    ...(needed.length > 0 ? { required: needed } : {}),
  };
  return { required: needed.length > 0, content: { 'application/json': { schema } } };
}

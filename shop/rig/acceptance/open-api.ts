const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

/** What is wrong with an OpenAPI 3.1 document, as far as its structure shows: enough for a code generator to rely on it. */
export function openApiProblems(document: any): string[] {
  const problems: string[] = [];
  if (!/^3\.1\.\d+$/.test(document.openapi)) problems.push(`openapi is ${document.openapi}`);
  if (typeof document.info?.title !== 'string' || typeof document.info?.version !== 'string') problems.push('info lacks title or version');
  const ids = new Set<string>();
  for (const [path, item] of Object.entries<any>(document.paths ?? {})) {
    if (!path.startsWith('/')) problems.push(`path ${path} does not begin with a slash`);
    for (const [method, operation] of Object.entries<any>(item)) {
      const where = `${method} ${path}`;
      if (!METHODS.includes(method)) problems.push(`${where}: no such method`);
      else problems.push(...operationProblems(document, path, operation).map((problem) => `${where}: ${problem}`));
      if (ids.has(operation.operationId)) problems.push(`${where}: operationId ${operation.operationId} is there twice`);
      ids.add(operation.operationId);
    }
  }
  for (const ref of refsIn(document)) if (resolved(document, ref) === undefined) problems.push(`${ref} leads nowhere`);
  return problems;
}

function operationProblems(document: any, path: string, operation: any): string[] {
  const problems: string[] = [];
  const named = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
  const inPath = (operation.parameters ?? []).filter((parameter: any) => parameter.in === 'path');
  if (JSON.stringify(inPath.map(({ name }: any) => name).toSorted()) !== JSON.stringify(named.toSorted()))
    problems.push(`parameters of the path are ${named}, declared are ${inPath.map(({ name }: any) => name)}`);
  const seen = new Set<string>();
  for (const { name, in: place, required, schema } of operation.parameters ?? []) {
    if (!['path', 'query', 'header', 'cookie'].includes(place)) problems.push(`parameter ${name} is in ${place}`);
    if (place === 'path' && required !== true) problems.push(`parameter ${name} of the path is not required`);
    if (typeof schema !== 'object' || schema === null) problems.push(`parameter ${name} has no schema`);
    if (seen.has(`${place} ${name}`)) problems.push(`parameter ${name} is there twice`);
    seen.add(`${place} ${name}`);
  }
  if (operation.requestBody && !operation.requestBody.content?.['application/json']?.schema) problems.push('the body has no schema');
  const responses = Object.entries<any>(operation.responses ?? {});
  if (!responses.some(([status]) => /^2\d\d$/.test(status))) problems.push('there is no success');
  for (const [status, response] of responses) {
    if (!/^([1-5]\d\d|default)$/.test(status)) problems.push(`response ${status} is not a status`);
    if (typeof response.description !== 'string') problems.push(`response ${status} has no description`);
    if (/^[45]/.test(status) && !response.content?.['application/problem+json']) problems.push(`response ${status} is not problem+json`);
  }
  for (const requirement of operation.security ?? []) {
    for (const scheme of Object.keys(requirement))
      if (!document.components?.securitySchemes?.[scheme]) problems.push(`security scheme ${scheme} is not declared`);
  }
  return problems;
}

function refsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, below]) => (key === '$ref' && typeof below === 'string' ? [below] : refsIn(below)));
}

function resolved(document: unknown, ref: string): unknown {
  if (!ref.startsWith('#/')) return undefined;
  return ref
    .slice(2)
    .split('/')
    .reduce<any>((node, step) => node?.[step.replaceAll('~1', '/').replaceAll('~0', '~')], document);
}

import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, failure, query, secret, stream } from '../contract/index.ts';
import { compose, expose, gateway } from '../gateway/index.ts';
import { newKey, startIssuer, tokenOf } from '../gateway/tokens/issuer.fixture.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const Ref = z.object({ id: z.string() });
const Node: z.ZodType = z.object({
  name: z.string(),
  get children() {
    return z.array(Node).optional();
  },
});
const Shelf = contract('shelf', {
  commands: {
    put: command({
      input: z.object({ id: z.string(), why: z.string().optional(), pin: secret(z.string().default('1234')) }),
      output: Ref,
      errors: { Full: failure(409, z.object({ free: z.int() })), Taken: failure(409, Ref), Odd: failure(422, z.object({})) },
      http: 'POST /shelf/{id}',
    }),
    clear: command({ input: z.object({ all: z.boolean().optional() }), key: 'required', http: 'DELETE /shelf' }),
    plant: command({ input: z.object({ tree: Node }), http: 'PUT /trees' }),
  },
  queries: {
    get: query({
      input: Ref.extend({ deep: z.boolean().optional() }),
      output: Node as z.ZodType<{ name: string }>,
      errors: { Gone: failure(404, Ref) },
      http: 'GET /shelf/{id}',
    }),
    watch: stream({ input: z.object({}), output: Ref, http: 'GET /watch' }),
  },
});
const shelf = service(Shelf, { store: sql({ migrations: {} }) }).implement({
  commands: {
    put: async ({ id, why }, { fail }) => {
      if (why === 'full') throw fail.Full({ free: 0 });
      if (why === 'taken') throw fail.Taken({ id });
      if (why === 'odd') throw fail.Odd({});
      if (why === 'bug') throw new TypeError('a bug');
      return { id };
    },
    clear: () => {},
    plant: () => {},
  },
  queries: {
    get: async ({ id }, { fail }) => {
      if (id === 'none') throw fail.Gone({ id });
      return { name: id, children: [{ name: 'leaf' }] } as { name: string };
    },
    async *watch() {
      yield { id: 'one' };
    },
  },
});
const key = newKey('one');
const folder = temporaryFolder();
let issuer: Awaited<ReturnType<typeof startIssuer>>;
let runtime: Awaited<ReturnType<typeof start>>;
let url: string;
let document: any;

beforeAll(async () => {
  issuer = await startIssuer([key.jwk]);
  const web = gateway('web', {
    authenticate: { issuer: 'idp', audience: 'web', keys: issuer.address },
    limit: { rate: '1000/1m' },
    info: { title: 'Shelves', version: '3' },
    routes: [
      expose(Shelf, {
        prefix: '/api',
        operations: {
          put: { scope: 'shelf:write' },
          clear: { access: 'public' },
          get: { access: 'public', limit: { rate: '5/1h' } },
          watch: { access: 'public', limit: false },
          plant: { access: 'public' },
        },
      }),
      expose(Shelf, { prefix: '/old', operations: { get: { access: 'public', limit: false } } }),
      compose('POST /home/{id}', {
        access: 'authenticated',
        input: Ref.extend({ size: z.int() }),
        output: Ref,
        errors: { Closed: failure(403, z.object({ until: z.string() })) },
        run: ({ id, size }, { fail }) => {
          if (size > 9) throw fail.Closed({ until: 'May' });
          return { id };
        },
      }),
    ],
  });
  const profiles = { monolith: { store: sqlite(folder.path), bus: embedded() } };
  runtime = await start(topology({ services: { shelf }, gateways: { web }, profiles }), { ports: { web: 0 }, logLevel: 'silent' });
  url = `http://127.0.0.1:${runtime.ports['web']}`;
  document = await (await fetch(`${url}/openapi.json`)).json();
});
afterAll(async () => {
  await runtime.stop();
  await issuer[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** What a reference in the document means. */
const followed = (node: any): any =>
  typeof node?.$ref === 'string'
    ? {
        ...(node.$ref
          .slice(2)
          .split('/')
          .reduce((at: any, part: string) => at[part], document) as object),
        ...node,
        $ref: undefined,
      }
    : node;

/** Whether a value fits a schema of the document, checked by a reader of JSON Schema that knows nothing of contracts. */
const fits = (schema: any, value: unknown): boolean => {
  const inlined = (node: any, depth = 0): any => {
    if (Array.isArray(node)) return node.map((each) => inlined(each, depth));
    if (typeof node !== 'object' || node === null) return node;
    const { $ref, ...whole } = depth < 20 ? (followed(node) ?? {}) : {};
    return Object.fromEntries(Object.entries(whole).map(([name, child]) => [name, inlined(child, depth + 1)]));
  };
  return z.fromJSONSchema(inlined(schema)).safeParse(value).success;
};

const operations = (): [path: string, method: string, operation: any][] =>
  Object.entries<any>(document.paths).flatMap(([path, methods]) =>
    Object.entries<any>(methods).map(([method, operation]): [string, string, any] => [path, method, operation]),
  );

test('the document is one of OpenAPI 3.1: references lead somewhere, names are its own, and parameters are those of the path', () => {
  expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'Shelves', version: '3' } });
  const look = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [name, child] of Object.entries(node)) {
      if (name === '$ref') expect(followed({ $ref: child }), child).toBeTypeOf('object');
      expect(child, name).not.toBeUndefined();
      look(child);
    }
  };
  look(document);
  const ids = operations().map(([, , { operationId }]) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toEqual(['shelf_put', 'shelf_get', 'shelf_clear', 'shelf_watch', 'shelf_plant', 'getOldShelfId', 'postHomeId']);
  for (const [path, method, operation] of operations()) {
    const inPath = [...path.matchAll(/\{([^}]*)\}/g)].map(([, name]) => name);
    expect(operation.parameters.filter((one: any) => one.in === 'path').map((one: any) => one.name)).toEqual(inPath);
    expect(['get', 'put', 'post', 'delete', 'patch']).toContain(method);
    expect(['get', 'delete'].includes(method) && operation.requestBody !== undefined).toBe(false);
    expect(Object.keys(operation.responses).every((status) => status === 'default' || /^[2-5]\d\d$/.test(status))).toBe(true);
    for (const answer of Object.values<any>(operation.responses)) expect(answer.description).toBeTypeOf('string');
    for (const need of operation.security)
      for (const scheme of Object.keys(need)) expect(document.components.securitySchemes[scheme]).toBeDefined();
  }
});

test('every failure of one status is there, with its data, beside what the framework answers with it', () => {
  const { responses } = document.paths['/api/shelf/{id}'].post;
  const codes = (status: string) =>
    responses[status].content['application/problem+json'].schema.oneOf.map(
      ({ properties }: any) => properties.code.const ?? properties.code.enum,
    );
  expect(codes('409')).toEqual(['Full', 'Taken']);
  expect(codes('422')).toEqual(['Odd', ['IdempotencyKeyReused']]);
  expect(responses['409'].description).toBe('Full, or: Taken');
  expect(responses['409'].content['application/problem+json'].schema.oneOf[0].properties.data).toMatchObject({
    properties: { free: { type: 'integer' } },
  });
});

test('statuses are those that a route can answer with', () => {
  const statuses = (path: string, method: string) => Object.keys(document.paths[path][method].responses).join(' ');
  expect(statuses('/api/shelf/{id}', 'post')).toBe('200 400 401 403 409 413 415 422 429 500 503 504 default');
  expect(statuses('/api/shelf/{id}', 'get')).toBe('200 400 404 429 500 503 504 default');
  expect(statuses('/api/shelf', 'delete')).toBe('204 400 422 429 500 503 504 default');
  expect(statuses('/api/watch', 'get')).toBe('200 400 429 500 503 504 default');
  expect(statuses('/old/shelf/{id}', 'get')).toBe('200 400 404 500 503 504 default');
  const parameters = (path: string, method: string) =>
    document.paths[path][method].parameters.map(({ name, in: where, required }: any) => `${where} ${name}${required ? '!' : ''}`);
  expect(parameters('/api/shelf', 'delete')).toEqual(['query all', 'header Idempotency-Key!']);
  expect(parameters('/api/shelf/{id}', 'post')).toEqual(['path id!', 'header Idempotency-Key']);
  expect(parameters('/api/shelf/{id}', 'get')).toEqual(['path id!', 'query deep']);
});

test('nothing of a secret is in it but its name', () => {
  expect(JSON.stringify(document)).not.toContain('1234');
  expect(document.paths['/api/shelf/{id}'].post.requestBody.content['application/json'].schema.properties.pin.type).toBe('string');
});

const token = (claims: object = {}) => `Bearer ${tokenOf(key, Date.now(), claims)}`;
const json = { 'content-type': 'application/json' };
const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { ...json, ...headers },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const writer = () => ({ authorization: token({ scope: 'shelf:write' }) });

test.each<[string, string, () => RequestInit, number, string?]>([
  ['a success', '/api/shelf/{id}', () => post({}, writer()), 200],
  ['a failure', '/api/shelf/{id}', () => post({ why: 'full' }, writer()), 409, 'Full'],
  ['another failure of this status', '/api/shelf/{id}', () => post({ why: 'taken' }, writer()), 409, 'Taken'],
  ['a failure without data of its own', '/api/shelf/{id}', () => post({ why: 'odd' }, writer()), 422, 'Odd'],
  ['a handler that fails', '/api/shelf/{id}', () => post({ why: 'bug' }, writer()), 500, 'Internal'],
  ['what does not fit', '/api/shelf/{id}', () => post({ why: 7 }, writer()), 400, 'BadRequest'],
  ['a body that is not JSON', '/api/shelf/{id}', () => post('{', writer()), 400, 'MalformedBody'],
  [
    'a body of another type',
    '/api/shelf/{id}',
    () => post('why=a', { ...writer(), 'content-type': 'text/plain' }),
    415,
    'UnsupportedMediaType',
  ],
  ['a body that is too large', '/api/shelf/{id}', () => post({ why: 'x'.repeat(1_100_000) }, writer()), 413, 'PayloadTooLarge'],
  ['no token', '/api/shelf/{id}', () => post({}), 401, 'MissingToken'],
  ['a wrong token', '/api/shelf/{id}', () => post({}, { authorization: 'Bearer x.y.z' }), 401, 'InvalidToken'],
  ['a token without the scope', '/api/shelf/{id}', () => post({}, { authorization: token() }), 403, 'Forbidden'],
  ['no key', '/api/shelf', () => ({ method: 'DELETE' }), 400, 'MissingIdempotencyKey'],
  ['a key', '/api/shelf', () => ({ method: 'DELETE', headers: { 'idempotency-key': 'k1' } }), 204],
  [
    'a schema that contains itself',
    '/api/trees',
    () => ({ ...post({ tree: { name: 'a', children: [{ name: 'b' }] } }), method: 'PUT' }),
    204,
  ],
  ['an answer that contains itself', '/old/shelf/{id}', () => ({}), 200],
  ['a stream', '/api/watch', () => ({}), 200],
  ['a composed answer', '/home/{id}', () => post({ size: 1 }, { authorization: token() }), 200],
  [
    'a composed failure with the status of the framework’s',
    '/home/{id}',
    () => post({ size: 10 }, { authorization: token() }),
    403,
    'Closed',
  ],
])('what comes back is what the document says: %s', async (_, path, request, status, code) => {
  const init = request();
  const answer = await fetch(url + path.replace('{id}', 'a'), init);
  const text = await answer.text();
  expect(answer.status, text).toBe(status);
  const told = document.paths[path][(init.method ?? 'GET').toLowerCase()].responses[String(status)];
  for (const header of Object.keys(told.headers)) if (header !== 'Retry-After') expect(answer.headers.get(header), header).not.toBeNull();
  if (text === '') return expect(told.content).toBeUndefined();
  const [[type, { schema }]] = Object.entries<any>(told.content) as [[string, { schema: any }]];
  expect(answer.headers.get('content-type')).toContain(type);
  const body = JSON.parse(type === 'text/event-stream' ? (/^data: (.*)$/m.exec(text)?.[1] ?? '') : text);
  if (code !== undefined) expect(body.code).toBe(code);
  expect(fits(schema, body), JSON.stringify([schema, body])).toBe(true);
  expect(fits(schema, { ...body, code: 'Unheard', id: 7, name: 7 }), 'a schema that anything fits says nothing').toBe(false);
});

test('the limit of a route is reported as the document says', async () => {
  let answer = await fetch(`${url}/api/shelf/none`);
  expect(answer.status).toBe(404);
  const gone = document.paths['/api/shelf/{id}'].get.responses['404'].content['application/problem+json'].schema;
  expect(fits(gone, await answer.json())).toBe(true);
  for (let n = 0; n < 6 && answer.status !== 429; n++) answer = await fetch(`${url}/api/shelf/none`);
  const told = document.paths['/api/shelf/{id}'].get.responses['429'];
  for (const header of Object.keys(told.headers)) expect(answer.headers.get(header), header).not.toBeNull();
  expect(fits(told.content['application/problem+json'].schema, await answer.json())).toBe(true);
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { get, platform, post, Wire } from '../http/raw.fixture.ts';
import { silentLog } from '../telemetry/index.ts';
import { startAdminServer } from './server.ts';

/* The operators' HTTP server as others on the machine may reach it: with raw bytes. */

let folder: string;
let server: Awaited<ReturnType<typeof startAdminServer>>;
let token: string;
const ran: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ramet-admin-'));
  const tokenFile = join(folder, 'admin.token');
  const run = (name: string) => async (request: object) => {
    ran.push(name);
    return { name, ...request };
  };
  const routes = [
    { method: 'GET' as const, path: '/things', run: run('list') },
    { method: 'POST' as const, path: '/things/:id/actions', run: run('act') },
  ];
  server = await startAdminServer({ platform, log: silentLog, admin: { routes }, port: 0, tokenFile });
  token = `authorization: Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

const local = (request: string) => request.replace('host: a', 'host: 127.0.0.1');
const asks = async (request: string) => {
  ran.length = 0;
  const wire = await Wire.ask(server.port, request);
  return { statuses: wire.statuses, body: wire.received.slice(wire.received.indexOf('\r\n\r\n') + 4), ran: [...ran] };
};
const closing = 'connection: close';
const action = (...headers: string[]) =>
  local(post('/things/a%20b/actions', '{"kind":"retry"}', 'content-type: application/json', ...headers));

test('an operator asks and acts', async () => {
  const listed = await asks(local(get('/things?limit=2', token, closing)));
  expect(listed).toMatchObject({ statuses: [200], ran: ['list'] });
  expect(JSON.parse(listed.body)).toEqual({ name: 'list', params: {}, query: { limit: '2' }, body: {} });
  const acted = await asks(action(token, closing));
  expect(JSON.parse(acted.body)).toEqual({ name: 'act', params: { id: 'a b' }, query: {}, body: { kind: 'retry' } });
});

test.each<[string, () => string, number]>([
  ['two hosts', () => get('/things', 'host: b', token), 400],
  ['an absolute target', () => local(get('http://127.0.0.1/things', token)), 400],
  ['a tunnel', () => 'CONNECT a:1 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n', 400],
  ['a path in another spelling', () => local(post('/things/../things/1/actions', '{}', token)), 400],
  ['an unknown coding', () => action(token, 'transfer-encoding: xchunked'), 400],
])('%s is refused, and an action behind it does not run', async (_, bytes, status) => {
  const { statuses, ran: done } = await asks(`${bytes()}${action(token)}`);
  expect({ statuses, done }).toEqual({ statuses: [status], done: [] });
});

test.each<[string, () => string, number]>([
  ['another host', () => get('/things', token, closing), 403],
  ['no token', () => local(get('/things', closing)), 401],
  ['another token', () => local(get('/things', 'authorization: Bearer x', closing)), 401],
  ['nothing there', () => local(get('/nothing', token, closing)), 404],
  ['another method', () => local(get('/things/1/actions', token, closing)), 405],
  ['another type', () => local(post('/things/1/actions', '{}', 'content-type: text/plain', token, closing)), 415],
  ['a key twice', () => local(post('/things/1/actions', '{"a":1,"a":2}', 'content-type: application/json', token, closing)), 400],
  ['a body that need not be awaited', () => action('content-length: 1000').replace(/content-length: 16\r\n/, ''), 401],
])('with %s nothing runs', async (_, bytes, status) => {
  const { statuses, ran: done } = await asks(bytes());
  expect({ statuses, done }).toEqual({ statuses: [status], done: [] });
});

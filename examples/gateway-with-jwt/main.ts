/** A gateway verifies tokens and exposes only the operations that it names, each with the scope that a caller needs. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { command, contract, expose, gateway, query, service } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import { start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { z } from 'zod';

const { publicKey, privateKey } = await generateKeyPair('EdDSA');
const { kty = '', crv = '', x = '' } = await exportJWK(publicKey);
const jwk = { kty, crv, x, kid: 'key-1', alg: 'EdDSA', use: 'sig' };
const tokenWith = (scope: string) =>
  new SignJWT({ scope })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'key-1', typ: 'at+jwt' })
    .setIssuer('notes-login')
    .setAudience('notes')
    .setSubject('ada')
    .setExpirationTime('15m')
    .sign(privateKey);

const Notes = contract('notes', {
  commands: { write: command({ input: z.object({ text: z.string().min(1) }), output: z.object({ by: z.string() }), http: 'POST /notes' }) },
  queries: {
    keys: query({ input: z.object({}), output: z.object({ keys: z.array(z.record(z.string(), z.string())) }) }), // not exposed
  },
});
const notes = service(Notes).implement({
  commands: { write: (_note, { caller }) => ({ by: caller.subject }) },
  queries: { keys: () => ({ keys: [jwk] }) },
});
const web = gateway('web', {
  authenticate: { issuer: 'notes-login', audience: 'notes', keys: Notes.queries.keys },
  limit: { rate: '100/15m' },
  routes: [expose(Notes, { prefix: '/api', operations: { write: { scope: 'notes:write' } } })],
});

const runtime = await start(
  topology({
    services: { notes },
    gateways: { web },
    profiles: { monolith: { store: sqlite(process.env.DATA_DIR ?? '.data'), bus: embedded() } },
  }),
  { logLevel: 'error', ports: { web: 0 } },
);
const post = async (what: string, headers: Record<string, string>, body: string) => {
  const answer = await fetch(`http://127.0.0.1:${runtime.ports.web}/api/notes`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  const { code, by } = (await answer.json()) as { code?: string; by?: string };
  console.log(`${what}: ${answer.status} ${code ?? by}`);
};
await post('no token', {}, '{"text":"hello"}');
await post('a token without the scope', { authorization: `Bearer ${await tokenWith('notes:read')}` }, '{"text":"hello"}');
await post('an empty text', { authorization: `Bearer ${await tokenWith('notes:write')}` }, '{"text":""}');
await post('a note', { authorization: `Bearer ${await tokenWith('notes:write')}` }, '{"text":"hello"}');
await runtime.stop();

import { contract, expose, gateway, query, service } from 'ramet';
import { z } from 'zod';
import { ORDER, Orders, orders } from '../command/orders.ts';
import { startRamet } from '../core/ramet.ts';
import type { Start } from '../core/row.ts';
import { loaded } from './measure.ts';
import { AUDIENCE, ISSUER, issueTokens } from './tokens.ts';

const Key = z.object({ kty: z.string(), crv: z.string(), x: z.string(), y: z.string(), kid: z.string(), alg: z.string(), use: z.string() });
const Issuer = contract('issuer', { queries: { jwks: query({ input: z.object({}), output: z.object({ keys: z.array(Key) }) }) } });

const start: Start = async ({ folder, forMs }) => {
  const { jwk, tokens } = await issueTokens();
  const issuer = service(Issuer).implement({ queries: { jwks: async () => ({ keys: [Key.parse(jwk)] }) } });
  const web = gateway('web', {
    authenticate: { issuer: ISSUER, audience: AUDIENCE, algorithm: 'ES256', keys: Issuer.queries.jwks },
    limit: { rate: '100000000/15m' },
    // All load comes from one address.
    caps: { connectionsPerAddress: 1_000 },
    routes: [expose(Orders, { operations: { place: { scope: 'orders:write' } } })],
  });
  const runtime = await startRamet({ orders, issuer }, { folder, gateways: { web }, ports: { web: 0 } });
  const port = runtime.ports['web'] as number;
  return loaded({ port, path: '/orders', tokens, body: JSON.stringify(ORDER), status: 202 }, forMs, () => runtime.stop());
};
export default start;

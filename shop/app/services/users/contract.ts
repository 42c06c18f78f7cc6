import { command, contract, event, failure, query, secret } from 'ramet';
import { z } from 'zod';

const Email = z.email().max(254);
const ByEmail = z.object({ email: Email });
const CustomerRef = z.object({ customerId: z.string() });
const NoSuchCustomer = failure(404, z.object({ email: z.string() }));

/** A public signing key as JWKS shows it (RFC 7517, RFC 8037). */
const PublicKey = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  kid: z.string(),
  alg: z.literal('EdDSA'),
  use: z.literal('sig'),
});

/** Customers: registration, login, and whether a customer may order. */
export const Users = contract('users', {
  commands: {
    register: command({
      // The upper limit bounds the work of hashing.
      input: z.object({ email: Email, password: secret(z.string().min(8).max(200)), name: z.string().trim().min(1).max(100) }),
      output: z.object({ userId: z.string() }),
      errors: { EmailTaken: failure(409, z.object({ email: z.string() })) },
      http: { route: 'POST /users', status: 201 },
    }),
    block: command({ input: ByEmail, output: CustomerRef, errors: { NoSuchCustomer } }),
    unblock: command({ input: ByEmail, output: CustomerRef, errors: { NoSuchCustomer } }),
  },
  queries: {
    logIn: query({
      input: z.object({ email: z.string().max(254), password: secret(z.string().max(200)) }),
      output: z.object({ accessToken: z.string(), expiresIn: z.int() }),
      errors: { InvalidCredentials: failure(401, z.object({})) },
      http: { route: 'POST /sessions', status: 201 },
    }),
    jwks: query({ input: z.object({}), output: z.object({ keys: z.array(PublicKey) }), http: 'GET /.well-known/jwks.json' }),
    standing: query({
      input: CustomerRef,
      output: z.object({ blocked: z.boolean(), email: z.string(), name: z.string() }),
      errors: { NoSuchCustomer: failure(404, CustomerRef) },
    }),
  },
  events: {
    CustomerRegistered: event(z.object({ customerId: z.string(), email: z.string(), name: z.string() }), { key: 'customerId' }),
    CustomerBlocked: event(CustomerRef, { key: 'customerId' }),
    CustomerUnblocked: event(CustomerRef, { key: 'customerId' }),
  },
});

import { expect, test } from 'vitest';
import { isOutage, postgresPasses, postgresRemedy, RametError, reasonOf, unreachable } from './index.ts';

const network = (code: string, more: object = {}) => Object.assign(new Error(`connect ${code}`), { code, ...more });
const server = (code: string) => Object.assign(new Error(`said ${code}`), { code, severity: 'FATAL' });

test('finds the error of the network, however deep a client has nested it', () => {
  const refused = network('ECONNREFUSED');
  const all = Object.assign(new AggregateError([network('X'), refused]), { code: 'ECONNREFUSED' });
  for (const error of [
    refused,
    all,
    new TypeError('fetch failed', { cause: all }),
    new Error('x', { cause: new Error('y', { cause: refused }) }),
  ])
    expect(unreachable(error)).toBe(refused);
  expect(reasonOf(new TypeError('fetch failed', { cause: all }))).toBe('connect ECONNREFUSED');
});

test('a server whose socket or name does not exist yet is unreachable, and a missing file is not', () => {
  expect(unreachable(network('ENOENT', { syscall: 'connect' }))).toBeDefined();
  expect(unreachable(network('EAI_AGAIN', { syscall: 'getaddrinfo' }))).toBeDefined();
  expect(unreachable(network('ENOENT', { syscall: 'open' }))).toBeUndefined();
  expect(unreachable(new TypeError('Invalid URL'))).toBeUndefined();
  expect(unreachable(undefined)).toBeUndefined();
});

test('an outage of PostgreSQL is recognized in each of its forms', () => {
  const said = ['57P03', '57P01', '57P02', '53300', '53100', '25006', '08006', '08P01', '58030', '40001', '40P01', '55P03', '57014'].map(
    server,
  );
  const lost = ['timeout expired', 'Connection terminated unexpectedly', 'Connection terminated due to connection timeout'].map(
    (text) => new Error(text),
  );
  for (const error of [...said, ...lost, network('ECONNRESET'), network('ETIMEDOUT'), network('EHOSTUNREACH'), network('ENOTFOUND')])
    expect(postgresPasses(error), error.message).toBe(true);
});

test('a mistake in the use of PostgreSQL is not an outage, and says what to do', () => {
  const mistakes: [string, RegExp][] = [
    ['28P01', /password/],
    ['28000', /pg_hba/],
    ['3D000', /create the database/],
    ['42501', /provision/],
    ['3F000', /provision/],
    ['42P01', /correct the URL/],
  ];
  for (const [state, remedy] of mistakes) {
    expect(postgresPasses(server(state)), state).toBe(false);
    expect(postgresRemedy(server(state))).toMatch(remedy);
  }
  for (const error of [new TypeError('Invalid URL'), network('ERR_TLS_CERT_ALTNAME_INVALID'), undefined, 'text'])
    expect(postgresPasses(error ?? new Error('x'))).toBe(false);
});

test('an outage is recognized by its code', () => {
  expect([new RametError('StoreUnavailable'), new RametError('Unavailable')].map(isOutage)).toEqual([true, true]);
  expect([new RametError('StoreUnusable'), new RametError('Misconfigured'), new Error('x'), undefined].map(isOutage)).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

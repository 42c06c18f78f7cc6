import { AuthenticationError, MultipleErrors, NetworkError, ProtocolError } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { RametError } from '../../errors/index.ts';
import { asBootError, asUnavailable } from './away.ts';

test('brokers that cannot be reached are Unavailable, however deep the client has put it', () => {
  const refused = new NetworkError('Connection to localhost:1 failed.');
  const all = new MultipleErrors('Cannot connect to any broker.', [refused]);
  for (const error of [refused, all, new MultipleErrors('Fetching metadata failed 3 times.', [all])]) {
    const told = asUnavailable(error) as RametError;
    expect(told).toMatchObject({ code: 'Unavailable', message: 'Kafka cannot be reached: Connection to localhost:1 failed.' });
    expect(told.cause).toBe(refused);
  }
});

test('what brokers cannot do yet is Unavailable: leaders are elected, coordinators load, and sessions were forgotten', () => {
  for (const id of ['LEADER_NOT_AVAILABLE', 'COORDINATOR_LOAD_IN_PROGRESS', 'FETCH_SESSION_ID_NOT_FOUND', 'REBALANCE_IN_PROGRESS']) {
    const passing = new ProtocolError(id);
    const told = asUnavailable(new MultipleErrors('Failed.', [new MultipleErrors('All failed.', [passing])])) as RametError;
    expect(told).toMatchObject({ code: 'Unavailable', message: `Kafka is not ready: ${passing.message}` });
    expect(told.cause).toBe(passing);
  }
});

test('what is wrong otherwise stays what it is', () => {
  const refused = new ProtocolError('TOPIC_AUTHORIZATION_FAILED');
  const broken = new ProtocolError('CORRUPT_MESSAGE');
  for (const error of [
    refused,
    broken,
    new MultipleErrors('Failed.', [refused]),
    new TypeError('x'),
    undefined,
    new RametError('PositionGap'),
  ])
    expect(asUnavailable(error)).toBe(error);
});

test('credentials that brokers refuse are a mistake, also where the client says that it reached no broker', () => {
  for (const refused of [new AuthenticationError('SASL authentication failed.', {}), new ProtocolError('SASL_AUTHENTICATION_FAILED')])
    expect(asBootError(new MultipleErrors('x', [new NetworkError('Cannot connect to any broker.', { cause: refused })]))).toMatchObject({
      code: 'Misconfigured',
      message: expect.stringContaining("correct 'sasl' of the bus"),
    });
  expect(asBootError(new NetworkError('Connection to localhost:1 failed.'))).toMatchObject({ code: 'Unavailable' });
});

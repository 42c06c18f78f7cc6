import { MultipleErrors, NetworkError, ProtocolError } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { RametError } from '../../errors/index.ts';
import { asUnavailable } from './away.ts';

test('brokers that cannot be reached are Unavailable, however deep the client has put it', () => {
  const refused = new NetworkError('Connection to localhost:1 failed.');
  const all = new MultipleErrors('Cannot connect to any broker.', [refused]);
  for (const error of [refused, all, new MultipleErrors('Fetching metadata failed 3 times.', [all])]) {
    const told = asUnavailable(error) as RametError;
    expect(told).toMatchObject({ code: 'Unavailable', message: 'Kafka cannot be reached: Connection to localhost:1 failed.' });
    expect(told.cause).toBe(refused);
  }
});

test('what is wrong otherwise stays what it is', () => {
  const refused = new ProtocolError('TOPIC_AUTHORIZATION_FAILED');
  for (const error of [refused, new MultipleErrors('Failed.', [refused]), new TypeError('x'), undefined, new RametError('PositionGap')])
    expect(asUnavailable(error)).toBe(error);
});

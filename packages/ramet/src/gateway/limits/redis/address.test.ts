import { expect, test } from 'vitest';
import { realPlatform } from '../../../platform/index.ts';
import { Secret } from '../../../security/index.ts';
import { redis } from './index.ts';

const environment = { platform: realPlatform(), onError: () => {} };

test.each(['', 'localhost:6379', 'http://localhost:6379', 'redis', '://x'])('refuses %j as an address, and says what to write', (url) => {
  expect(() => redis(url).create(environment)).toThrow("write 'redis://host:6379', or 'rediss://…' for TLS");
});

test('does not print an address that it refuses, because a password may be part of it', () => {
  const given = new Secret('limits-url', () => 'postgres://shop:hunter2@db');
  expect(() => redis(given).create(environment)).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hunter2') }));
});

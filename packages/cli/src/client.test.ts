import { expect, test } from 'vitest';
import { addressOf, CliError } from './client.ts';

test('the address may be written without its scheme, or as a port of this machine', () => {
  expect(addressOf('http://10.0.0.7:3001/')).toBe('http://10.0.0.7:3001');
  expect(addressOf('https://ops.example.com')).toBe('https://ops.example.com');
  expect(addressOf('localhost:3001')).toBe('http://localhost:3001');
  expect(addressOf('[::1]:3001')).toBe('http://[::1]:3001');
  expect(addressOf('3001')).toBe('http://127.0.0.1:3001');
});

test('a text that is not an address is refused with what to write', () => {
  for (const wrong of ['', 'http://', 'ftp://host', 'a b']) {
    expect(() => addressOf(wrong)).toThrow(CliError);
    expect(() => addressOf(wrong)).toThrow('write --admin http://127.0.0.1:3001');
  }
});

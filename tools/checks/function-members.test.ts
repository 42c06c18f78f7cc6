import { expect, test } from 'vitest';
import { found } from './fixture.ts';
import { functionMembers } from './function-members.ts';

test('finds nothing where what users take apart has functions, and leaves alone what they write or call on', () => {
  expect(found(functionMembers, 'function-members', 'right')).toEqual([]);
});

test('names each method of a context, of what it extends, and of what it leads to', () => {
  const method = (name: string) => `'${name}' is declared as a method of what users take apart (readonly ${name}: (…) => …)`;
  expect(found(functionMembers, 'function-members', 'wrong')).toEqual([
    `packages/ramet/src/service/types.ts:4  function-members  ${method('id')}`,
    `packages/ramet/src/service/types.ts:5  function-members  ${method('send')}`,
    `packages/ramet/src/service/types.ts:13  function-members  ${method('try')}`,
    `packages/ramet/src/telemetry/clocks/clock.ts:3  function-members  ${method('now')}`,
  ]);
});

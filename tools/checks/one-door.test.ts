import { expect, test } from 'vitest';
import { found } from './fixture.ts';
import { oneDoor } from './one-door.ts';

test('finds nothing in code that goes through the platform, whatever comments, strings and members say', () => {
  expect(found(oneDoor, 'one-door', 'right')).toEqual([]);
});

test('names what goes past the platform and what to use instead', () => {
  expect(found(oneDoor, 'one-door', 'wrong')).toEqual([
    'packages/ramet/src/gateway/routes.ts:1  one-door  http goes past the platform (use platform.http.fetch(), or serve with http/)',
    'packages/ramet/src/gateway/routes.ts:2  one-door  node:net goes past the platform (do it in an adapter (store/*, bus/*, discovery/*, rpc/*) behind its port)',
    'packages/ramet/src/saga/index.ts:9  one-door  Date.now goes past the platform (use platform.clock.wallNow(), or platform.clock.monoNow() for durations)',
    'packages/ramet/src/saga/index.ts:10  one-door  new Date() goes past the platform (use new Date(platform.clock.wallNow()))',
    'packages/ramet/src/saga/index.ts:11  one-door  Date() goes past the platform (use new Date(platform.clock.wallNow()))',
    'packages/ramet/src/saga/index.ts:12  one-door  performance goes past the platform (use platform.clock.monoNow())',
    'packages/ramet/src/saga/index.ts:12  one-door  process.hrtime goes past the platform (use platform.clock.monoNow())',
    'packages/ramet/src/saga/index.ts:3  one-door  setTimeout goes past the platform (use platform.timers.set(), or platform.timers.sleep())',
    'packages/ramet/src/saga/index.ts:13  one-door  setTimeout goes past the platform (use platform.timers.set(), or platform.timers.sleep())',
    'packages/ramet/src/saga/index.ts:14  one-door  setInterval goes past the platform (use new Periodic(platform, round), with an owner that stops it)',
    'packages/ramet/src/saga/index.ts:15  one-door  setImmediate goes past the platform (use platform.timers.yield())',
    'packages/ramet/src/saga/index.ts:16  one-door  AbortSignal.timeout goes past the platform (use platform.timers.set() and an AbortController)',
    'packages/ramet/src/saga/index.ts:17  one-door  Math.random goes past the platform (use platform.random.next())',
    'packages/ramet/src/saga/index.ts:1  one-door  randomUUID goes past the platform (use newId(platform, prefix))',
    'packages/ramet/src/saga/index.ts:20  one-door  randomUUID goes past the platform (use newId(platform, prefix))',
    'packages/ramet/src/saga/index.ts:18  one-door  random bytes of node:crypto goes past the platform (use platform.random.bytes())',
    'packages/ramet/src/saga/index.ts:19  one-door  fetch goes past the platform (use platform.http.fetch())',
    'packages/ramet/src/saga/index.ts:2  one-door  node:fs goes past the platform (use platform.files)',
    'packages/ramet/src/saga/index.ts:3  one-door  node:timers/promises goes past the platform (use platform.timers)',
    'packages/ramet/src/saga/index.ts:5  one-door  module-level let is state that all processes of a simulation would share (use const, or keep the state in what a create…() function returns)',
    'packages/ramet/src/saga/index.ts:6  one-door  module-level var is state that all processes of a simulation would share (use const, or keep the state in what a create…() function returns)',
    'packages/ramet/src/store/sqlite/index.ts:2  one-door  Date.now goes past the platform (use platform.clock.wallNow(), or platform.clock.monoNow() for durations)',
  ]);
});

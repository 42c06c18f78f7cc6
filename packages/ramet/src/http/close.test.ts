import { expect, test } from 'vitest';
import type { HttpAnswer } from './answers.ts';
import { get, serve, text, until, Wire } from './raw.fixture.ts';

test('a forced close answers 503 to a request whose handler never answers, and ends its connection', async () => {
  let asked = 0;
  await using t = await serve(() => {
    asked++;
    return new Promise<HttpAnswer>(() => {});
  });
  const wires = [await Wire.open(t.port), await Wire.open(t.port)];
  for (const wire of wires) wire.socket.write(get('/hangs'));
  await until(() => asked === 2, 'both requests');
  await t.server.close();
  for (const wire of wires) {
    await until(() => wire.closed, 'the end of the connection');
    expect(wire.statuses).toEqual([503]);
    expect(wire.received).toMatch(/^connection: close\r$/im);
    expect(wire.received).toContain('"code":"ShuttingDown"');
  }
});

test('an answer that arrives after the forced close has refused its request is dropped, and is not an error of the server', async () => {
  const late = Promise.withResolvers<HttpAnswer>();
  await using t = await serve(() => late.promise);
  const wire = await Wire.open(t.port);
  wire.socket.write(get('/late'));
  await until(() => t.server.inFlight === 1, 'the request');
  const closed = t.server.close();
  await until(() => wire.statuses.length > 0, 'the refusal');
  late.resolve(text('too late'));
  await closed;
  await until(() => wire.closed, 'the end of the connection');
  expect(wire.statuses).toEqual([503]);
  expect(wire.received).not.toContain('too late');
  expect(t.errors).toEqual([]);
});

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import type { BusCapabilities, BusFactory } from '../bus/index.ts';
import { contract, event } from '../contract/index.ts';
import { realPlatform } from '../platform/index.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

const bank = contract('bank', {
  events: { Paid: event(z.object({ to: z.string() }), { key: 'to' }), Lent: event(z.object({ to: z.string() }), { key: 'to' }) },
});
const noTables = { store: sql<{}>({ migrations: {} }) };

/** Starts a subscription to two events of one source on a bus with other capabilities. @returns the lines of the log that warn of the bus */
async function warningsOn(capabilities: Partial<BusCapabilities>): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-demands-'));
  const lines: string[] = [];
  const inner = embedded();
  const bus: BusFactory = { ...inner, capabilities: { ...inner.capabilities, ...capabilities } };
  const nothing = async () => {};
  const books = service(contract('books', {}), noTables).implement({
    reactions: (on) => [on(bank.events.Paid, nothing), on(bank.events.Lent, nothing)],
  });
  const shop = topology({
    services: { bank: service(bank, noTables).implement({}), books },
    gateways: {},
    profiles: { monolith: { store: sqlite(folder), bus } },
  });
  const runtime = await start(shop, { platform: realPlatform(), logTo: (line) => void lines.push(line) });
  await runtime.stop();
  rmSync(folder, { recursive: true });
  return lines.filter((line) => line.includes('bus_weak'));
}

test('boot reports a subscription to two topics of one source on a bus that keeps the order within a topic only', async () => {
  expect(await warningsOn({ order: 'topic-key' })).toEqual([
    expect.stringContaining("subscription 'books' takes 2 types of event of 'bank'"),
  ]);
  expect(await warningsOn({})).toEqual([]);
});

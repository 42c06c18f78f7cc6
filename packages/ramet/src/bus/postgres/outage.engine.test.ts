import { afterAll, beforeAll, describe } from 'vitest';
import { type OwnEngine, ownEngine } from '../../platform/engine.fixture.ts';
import { outageSuite } from '../conformance.ts';
import { postgresPlace } from './place.fixture.ts';

describe('postgres', () => {
  let engine: OwnEngine;
  beforeAll(async () => {
    engine = await ownEngine('postgres');
  });
  afterAll(() => engine?.wipe());
  outageSuite('postgres', () => postgresPlace(engine.url), {
    stop: () => engine.stop(),
    start: () => engine.start(),
    restart: () => engine.restart('immediate'),
  });
});

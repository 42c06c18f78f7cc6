import { afterAll, beforeAll, describe } from 'vitest';
import { type OwnEngine, ownEngine } from '../../platform/engine.fixture.ts';
import { outageSuite } from '../conformance.ts';
import { kafkaPlace } from './place.fixture.ts';

describe('kafka', () => {
  let engine: OwnEngine;
  beforeAll(async () => {
    engine = await ownEngine('kafka');
  });
  afterAll(() => engine?.wipe());
  outageSuite('kafka', () => kafkaPlace(engine.url), {
    stop: () => engine.stop(),
    start: () => engine.start(),
    restart: () => engine.restart('immediate'),
  });
});

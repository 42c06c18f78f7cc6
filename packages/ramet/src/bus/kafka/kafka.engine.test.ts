import { sharedEngine } from '../../platform/engine.fixture.ts';
import { busConformance } from '../conformance.ts';
import { kafka } from './index.ts';
import { kafkaPlace } from './place.fixture.ts';

const broker = sharedEngine('kafka');

busConformance('kafka', { capabilities: kafka({ brokers: [broker] }).capabilities, place: () => kafkaPlace(broker) });

import { sharedEngine } from '../../platform/engine.fixture.ts';
import { busConformance } from '../conformance.ts';
import { postgresBus } from './index.ts';
import { postgresPlace } from './place.fixture.ts';

const url = sharedEngine('postgres');

busConformance('postgres', { capabilities: postgresBus(url).capabilities, place: () => postgresPlace(url) });

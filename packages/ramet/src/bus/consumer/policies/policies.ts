import type { PoisonPolicy } from '../options.ts';
import { Halt } from './halt.ts';
import { ParkKey } from './park-key.ts';
import type { PoisonRule } from './policy.ts';
import { Skip } from './skip.ts';

/** The policies by name. */
export const POLICIES: Readonly<Record<PoisonPolicy, PoisonRule>> = { 'park-key': new ParkKey(), skip: new Skip(), halt: new Halt() };

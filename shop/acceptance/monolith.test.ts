import { acceptance } from './acceptance.ts';
import { startMonolith } from './monolith.ts';

acceptance(startMonolith);

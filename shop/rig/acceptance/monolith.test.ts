import { startShop } from '../harness/shop-process.ts';
import { acceptance } from './acceptance.ts';
import { asShop } from './started.ts';

/** The shop as one process, with its outside systems beside it. */
acceptance(async (options) => asShop(await startShop(options)));

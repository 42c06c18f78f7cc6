import { simulations } from 'ramet/simulation';
import { freshStorefront } from '../../app/storefront/fresh.ts';
import { aftersales } from './aftersales.ts';
import { bank } from './bank/bank.ts';
import { checkout } from './checkout.ts';
import { declinedOrder, paidOrder } from './one-order.ts';
import { ways } from './ways.ts';

// The web gateway serves it, and does not boot without.
await freshStorefront();
await simulations({ checkout, aftersales, bank, ways }, { explored: { paidOrder, declinedOrder } });

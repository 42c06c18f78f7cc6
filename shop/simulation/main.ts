import { simulations } from 'ramet/simulation';
import { aftersales } from './aftersales.ts';
import { bank } from './bank/bank.ts';
import { checkout } from './checkout.ts';
import { declinedOrder, paidOrder } from './one-order.ts';

await simulations({ checkout, aftersales, bank }, { explored: { paidOrder, declinedOrder } });

import { simulations } from 'ramet/simulation';
import { bank } from './bank/bank.ts';
import { checkout } from './checkout.ts';

await simulations({ checkout, bank });

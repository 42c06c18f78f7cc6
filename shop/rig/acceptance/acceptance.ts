import { badInput } from './bad-input.ts';
import { cards } from './cards.ts';
import { edge } from './edge.ts';
import { fallbacks } from './fallbacks.ts';
import { operators } from './operators.ts';
import { orders } from './orders.ts';
import { preorders } from './preorders.ts';
import { products } from './products.ts';
import { returns } from './returns.ts';
import { secrets } from './secrets.ts';
import { openSuite, type StartShop } from './suite.ts';
import { tokens } from './tokens.ts';
import { users } from './users.ts';

/**
 * What the shop promises its clients, through its public interface alone: the same for every way to run it.
 * @param startShop how this profile starts one
 */
export function acceptance(startShop: StartShop): void {
  const suite = openSuite(startShop, { env: { LOG_LEVEL: 'trace' } });
  const slowCards = cards(suite);
  products(suite);
  users(suite);
  orders(suite);
  returns(suite);
  preorders(suite);
  tokens(suite);
  edge(suite);
  badInput(suite);
  fallbacks(suite);
  operators(suite);
  slowCards();
  secrets(suite);
}

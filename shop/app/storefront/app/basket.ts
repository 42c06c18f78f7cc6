import { type Cart, cartFrom } from '../model/cart.ts';
import { store } from './store.ts';

const KEY = 'cart';

/** The cart: kept by this browser, the same in all of its tabs. */
export const basket = store<Cart>(cartFrom(localStorage.getItem(KEY)));

addEventListener('storage', ({ key }) => {
  if (key === KEY || key === null) basket.set(cartFrom(localStorage.getItem(KEY)));
});

export function keep(cart: Cart): void {
  // A full or forbidden storage loses the cart with the tab, and nothing else.
  try {
    localStorage.setItem(KEY, JSON.stringify(cart));
  } catch {}
  basket.set(cart);
}

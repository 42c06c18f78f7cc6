import { type FormEvent, useState } from 'react';
import { cardProblem } from '../../model/cards.ts';
import { totalOf } from '../../model/cart.ts';
import { COUNTRIES, countryName } from '../../model/countries.ts';
import { money } from '../../model/money.ts';
import type { Trouble } from '../../model/problems.ts';
import { orderPath } from '../../model/routes.ts';
import { announce } from '../announce.ts';
import { api, troubleIn } from '../api.ts';
import { basket, keep } from '../basket.ts';
import { fulfilled, keyOf } from '../intent.ts';
import { navigate } from '../navigation.ts';
import { CardChoice } from '../parts/card-choice.tsx';
import { Field, focusFirstProblem } from '../parts/field.tsx';
import { Link } from '../parts/link.tsx';
import { OrderLines } from '../parts/order-lines.tsx';
import { TroubleNote } from '../parts/trouble.tsx';
import { useStore } from '../store.ts';
import { useTitle } from '../title.ts';
import { useCurrent } from './cart.tsx';

const EMPTY = { name: '', street: '', city: '', country: 'DE' };
const EXAMPLE = { name: 'Ada Lovelace', street: 'Lindenweg 12', city: '10115 Berlin', country: 'DE' };
const MISSING = { name: 'Tell us who it is for', street: 'Tell us the street and the number', city: 'Tell us the town' };

export function CheckoutPage() {
  useTitle('Check out');
  const cart = useStore(basket);
  useCurrent(cart);
  const [address, setAddress] = useState(EMPTY);
  const [card, setCard] = useState('');
  const [problems, setProblems] = useState<Readonly<Record<string, string | undefined>>>({});
  const [trouble, setTrouble] = useState<Trouble>();
  const [isBusy, setBusy] = useState(false);
  const change = (field: keyof typeof EMPTY, value: string) => {
    setAddress({ ...address, [field]: value });
    setProblems({ ...problems, [field]: undefined });
  };
  const chooseCard = (number: string) => {
    setCard(number);
    setProblems({ ...problems, card: undefined });
  };
  const place = async (form: HTMLFormElement) => {
    const missing = (['name', 'street', 'city'] as const).filter((field) => address[field].trim() === '');
    const card_ = cardProblem(card);
    setProblems({ ...Object.fromEntries(missing.map((field) => [field, MISSING[field]])), card: card_ });
    if (missing.length > 0 || card_) return focusFirstProblem(form);
    setBusy(true);
    setTrouble(undefined);
    const lines = cart.map(({ sku, quantity }) => ({ sku, quantity }));
    const number = card.replace(/\D/g, '');
    try {
      // Of the card's number no more is kept than what receipts show.
      const key = keyOf('order', { lines, address, card: number.slice(-4) });
      const { orderId } = await api<{ orderId: string }>('POST', '/api/orders', {
        body: { lines, card: { number }, shipTo: address },
        key,
      });
      fulfilled('order');
      keep([]);
      announce('Your order is placed.');
      navigate(orderPath(orderId), { replace: true });
    } catch (error) {
      const happened = troubleIn(error);
      setTrouble(happened);
      setBusy(false);
      const told = happened.errors.map(({ path, message }) => [path === 'card.number' ? 'card' : path.replace('shipTo.', ''), message]);
      setProblems(happened.code === 'InvalidCard' ? { card: 'The payment provider does not take this number' } : Object.fromEntries(told));
      if (happened.code === 'InvalidCard') focusFirstProblem(form);
    }
  };
  if (cart.length === 0)
    return (
      <div className="empty">
        <h1>Nothing to check out</h1>
        <p className="muted">Your cart is empty. What you have ordered is in your orders.</p>
        <Link className="button" href="/">
          Look around
        </Link>
      </div>
    );
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!isBusy) void place(event.currentTarget);
  };
  return (
    <>
      <h1>Check out</h1>
      <form className="checkout" onSubmit={onSubmit} noValidate>
        <div>
          <section aria-labelledby="where">
            <div className="section-head">
              <h2 id="where">Where it goes</h2>
              <button type="button" className="link-button small" onClick={() => setAddress(EXAMPLE)}>
                Use an example
              </button>
            </div>
            <Field
              label="Name"
              autoComplete="name"
              maxLength={200}
              required
              value={address.name}
              onChange={(event) => change('name', event.currentTarget.value)}
              problem={problems['name']}
            />
            <Field
              label="Street and number"
              autoComplete="street-address"
              maxLength={200}
              required
              value={address.street}
              onChange={(event) => change('street', event.currentTarget.value)}
              problem={problems['street']}
            />
            <div className="two">
              <Field
                label="Postcode and town"
                autoComplete="address-level2"
                maxLength={200}
                required
                value={address.city}
                onChange={(event) => change('city', event.currentTarget.value)}
                problem={problems['city']}
              />
              <div className="field">
                <label htmlFor="country">Country</label>
                <select
                  id="country"
                  autoComplete="country"
                  value={address.country}
                  onChange={(event) => change('country', event.currentTarget.value)}
                >
                  {COUNTRIES.map((code) => (
                    <option key={code} value={code}>
                      {code === 'AQ' ? `${countryName(code)} (no carrier goes there)` : countryName(code)}
                    </option>
                  ))}
                </select>
              </div>
            </div>
          </section>
          <section aria-labelledby="how">
            <h2 id="how">How it is paid</h2>
            <CardChoice number={card} problem={problems['card']} onChange={chooseCard} />
          </section>
        </div>
        <aside className="summary" aria-label="Your order">
          <h2>Your order</h2>
          <OrderLines lines={cart} total={totalOf(cart)} />
          {trouble && <TroubleNote trouble={trouble} />}
          {trouble && (trouble.code === 'KeyReused' || trouble.code === 'IdempotencyKeyReused') && (
            <Link href="/orders">See your orders</Link>
          )}
          <button type="submit" className="button button-wide" aria-disabled={isBusy}>
            {isBusy ? 'Placing your order…' : `Place order · ${money(totalOf(cart))}`}
          </button>
          <p className="small muted">Pressed twice it is still one order.</p>
        </aside>
      </form>
    </>
  );
}

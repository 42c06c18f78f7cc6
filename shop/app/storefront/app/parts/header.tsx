import { useEffect, useRef, useState } from 'react';
import { piecesOf } from '../../model/cart.ts';
import { listingPath, type Page, signInPath } from '../../model/routes.ts';
import { announce } from '../announce.ts';
import { basket } from '../basket.ts';
import { navigate, place } from '../navigation.ts';
import { forgetAll } from '../resource.ts';
import { end, session } from '../session.ts';
import { useStore } from '../store.ts';
import { Icon } from './icons.tsx';
import { Link } from './link.tsx';

export function Header({ page }: { page: Page }) {
  const pieces = piecesOf(useStore(basket));
  const who = useStore(session);
  const signOut = () => {
    end();
    forgetAll();
    announce('You are signed out.');
    navigate('/');
  };
  return (
    <header className="head">
      <div className="head-row">
        <Link href="/" className="brand">
          <img src="/icon.svg" alt="" width="28" height="28" />
          <span>Ramet Goods</span>
        </Link>
        <SearchBox page={page} />
        <nav aria-label="Account and cart" className="head-links">
          {who ? (
            <>
              <Link href="/orders" aria-current={page.name === 'orders' ? 'page' : undefined}>
                <Icon name="box" />
                <span>Orders</span>
              </Link>
              <button type="button" className="link-button" onClick={signOut} title={`Signed in as ${who.email}`}>
                <Icon name="person" />
                <span>Sign out</span>
              </button>
            </>
          ) : (
            <Link href={signInPath(page.name === 'sign-in' || page.name === 'register' ? page.next : place.get().href)}>
              <Icon name="person" />
              <span>Sign in</span>
            </Link>
          )}
          <Link
            href="/cart"
            aria-current={page.name === 'cart' ? 'page' : undefined}
            aria-label={`Cart, ${pieces} ${pieces === 1 ? 'item' : 'items'}`}
          >
            <Icon name="cart" />
            <span>Cart</span>
            {pieces > 0 && <span className="count">{pieces > 99 ? '99+' : pieces}</span>}
          </Link>
        </nav>
      </div>
    </header>
  );
}

const TYPING_MS = 300;

/** Searches as one types, and keeps the words in the address. */
function SearchBox({ page }: { page: Page }) {
  const query = page.name === 'browse' ? page.query : '';
  const [text, setText] = useState(query);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const own = useRef(query);
  const latest = useRef(page);
  latest.current = page;
  useEffect(() => {
    // The address was changed by something else than this box: a link, or the way back.
    if (own.current === query) return;
    own.current = query;
    clearTimeout(timer.current);
    setText(query);
  }, [query]);
  const search = (words: string) => {
    clearTimeout(timer.current);
    const now = latest.current;
    own.current = words.trim();
    const listing = now.name === 'browse' ? { ...now, query: words } : { query: words, category: '', sort: 'name' as const };
    // Each word is not a step to go back to; leaving another page, or beginning to search, is one.
    const replace = now.name === 'browse' && (now.query !== '' || now.query === words.trim());
    navigate(listingPath(listing), { replace });
  };
  return (
    <search className="search">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          search(text);
        }}
      >
        <Icon name="search" />
        <input
          type="search"
          aria-label="Search products"
          placeholder="Search"
          autoComplete="off"
          enterKeyHint="search"
          maxLength={200}
          value={text}
          onChange={(event) => {
            const words = event.currentTarget.value;
            setText(words);
            clearTimeout(timer.current);
            timer.current = setTimeout(() => search(words), TYPING_MS);
          }}
        />
      </form>
    </search>
  );
}

import { useEffect, useRef } from 'react';
import { type Page, pageOf } from '../model/routes.ts';
import { said } from './announce.ts';
import { place } from './navigation.ts';
import { AccountPage } from './pages/account.tsx';
import { BrowsePage } from './pages/browse.tsx';
import { CartPage } from './pages/cart.tsx';
import { CheckoutPage } from './pages/checkout.tsx';
import { NowherePage } from './pages/nowhere.tsx';
import { OrderPage } from './pages/order.tsx';
import { OrdersPage } from './pages/orders.tsx';
import { PreorderPage, PreorderStatusPage } from './pages/preorder.tsx';
import { ProductPage } from './pages/product.tsx';
import { ReturnOrderPage, ReturnPage } from './pages/return.tsx';
import { Header } from './parts/header.tsx';
import { SignedIn } from './parts/signed-in.tsx';
import { useStore } from './store.ts';

/** What makes a page another page: a list that is searched or sorted stays the same. */
const identityOf = ({ name, ...rest }: Page): string => (name === 'browse' ? name : JSON.stringify([name, rest]));

export function App() {
  const { href, by, scrollY } = useStore(place);
  const page = pageOf(href);
  const identity = identityOf(page);
  const main = useRef<HTMLElement>(null);
  const shown = useRef(identity);
  useEffect(() => {
    if (by === 'back') requestAnimationFrame(() => scrollTo(0, scrollY));
    if (shown.current === identity) return;
    shown.current = identity;
    if (by === 'link') scrollTo(0, 0);
    // Where a loaded page would begin to be read: its heading, or what stands for it while it loads.
    main.current?.focus({ preventScroll: true });
  }, [by, identity, scrollY]);
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <Header page={page} />
      <main id="main" ref={main} tabIndex={-1} key={identity}>
        <Shown page={page} />
      </main>
      <footer className="foot">
        <p>Ramet Goods is the reference shop of the Ramet framework. Nothing is sold, and no card is charged.</p>
        <p>
          <a href="/openapi.json">The interface, for programs</a>
        </p>
      </footer>
      <Announcer />
    </>
  );
}

function Shown({ page }: { page: Page }) {
  switch (page.name) {
    case 'browse':
      return <BrowsePage listing={page} />;
    case 'product':
      return <ProductPage sku={page.sku} />;
    case 'cart':
      return <CartPage />;
    case 'sign-in':
    case 'register':
      return <AccountPage isNew={page.name === 'register'} next={page.next} />;
    case 'checkout':
      return (
        <SignedIn>
          <CheckoutPage />
        </SignedIn>
      );
    case 'orders':
      return (
        <SignedIn>
          <OrdersPage />
        </SignedIn>
      );
    case 'order':
      return (
        <SignedIn>
          <OrderPage orderId={page.orderId} />
        </SignedIn>
      );
    case 'return-order':
      return (
        <SignedIn>
          <ReturnOrderPage orderId={page.orderId} />
        </SignedIn>
      );
    case 'return':
      return (
        <SignedIn>
          <ReturnPage returnId={page.returnId} />
        </SignedIn>
      );
    case 'preorder':
      return (
        <SignedIn>
          <PreorderPage sku={page.sku} />
        </SignedIn>
      );
    case 'preorder-status':
      return (
        <SignedIn>
          <PreorderStatusPage preorderId={page.preorderId} />
        </SignedIn>
      );
    case 'nowhere':
      return <NowherePage />;
  }
}

function Announcer() {
  const { words, count } = useStore(said);
  return (
    <p className="unseen" role="status" aria-live="polite">
      <span key={count}>{words}</span>
    </p>
  );
}

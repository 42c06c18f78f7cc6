import { type FormEvent, useEffect, useState } from 'react';
import { cardProblem } from '../../model/cards.ts';
import { isOwnWish } from '../../model/journey.ts';
import { money } from '../../model/money.ts';
import type { Trouble } from '../../model/problems.ts';
import { productPath } from '../../model/routes.ts';
import { timelineOf } from '../../model/timeline.ts';
import { announce } from '../announce.ts';
import { api, troubleIn } from '../api.ts';
import { loadProduct, type ProductDetails } from '../catalog.ts';
import { type Journey, useFollowed } from '../followed.ts';
import { fulfilled, keyOf } from '../intent.ts';
import { navigate } from '../navigation.ts';
import { CardChoice } from '../parts/card-choice.tsx';
import { focusFirstProblem } from '../parts/field.tsx';
import { Link } from '../parts/link.tsx';
import { Picture } from '../parts/picture.tsx';
import { Quantity } from '../parts/quantity.tsx';
import { Status } from '../parts/status.tsx';
import { Stepper } from '../parts/stepper.tsx';
import { NotCancelled, TroubleNote } from '../parts/trouble.tsx';
import { useResource } from '../resource.ts';
import { useTitle } from '../title.ts';

/** Orders what is not there yet: it is charged when it comes in. */
export function PreorderPage({ sku }: { sku: string }) {
  useTitle('Pre-order');
  const { data: product, trouble, reload } = useResource(`product ${sku}`, (signal) => loadProduct(sku, signal), { keep: true });
  if (trouble) return <TroubleNote trouble={trouble} again={reload} />;
  if (!product) return <span className="ghost ghost-row" />;
  return (
    <div className="narrow">
      <h1>Pre-order</h1>
      <PreorderForm product={product} />
    </div>
  );
}

function PreorderForm({ product: { sku, name, price } }: { product: ProductDetails }) {
  const [quantity, setQuantity] = useState(1);
  const [card, setCard] = useState('');
  const [problem, setProblem] = useState<string>();
  const [trouble, setTrouble] = useState<Trouble>();
  const [isBusy, setBusy] = useState(false);
  const send = async (form: HTMLFormElement) => {
    const found = cardProblem(card);
    setProblem(found);
    if (found) return focusFirstProblem(form);
    setBusy(true);
    setTrouble(undefined);
    const number = card.replace(/\D/g, '');
    try {
      const key = keyOf('preorder', { sku, quantity, card: number.slice(-4) });
      const { preorderId } = await api<{ preorderId: string }>('POST', '/api/preorders', {
        body: { sku, quantity, card: { number } },
        key,
      });
      fulfilled('preorder');
      announce('Your pre-order is placed.');
      navigate(`/preorders/${encodeURIComponent(preorderId)}`, { replace: true });
    } catch (error) {
      setTrouble(troubleIn(error));
      setBusy(false);
    }
  };
  const onSubmit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!isBusy) void send(event.currentTarget);
  };
  return (
    <form onSubmit={onSubmit} noValidate>
      <div className="line line-cart">
        <Picture sku={sku} />
        <div className="line-words">
          <Link href={productPath(sku)}>{name}</Link>
          <span className="small muted">{money(price)} each, charged when it comes in</span>
        </div>
        <Quantity value={quantity} what={name} onChange={setQuantity} />
        <span className="amount">{money(price * quantity)}</span>
      </div>
      <CardChoice number={card} problem={problem} onChange={setCard} />
      {trouble && <TroubleNote trouble={trouble} />}
      <button type="submit" className="button" aria-disabled={isBusy}>
        {isBusy ? 'One moment…' : 'Pre-order'}
      </button>
    </form>
  );
}

interface Preorder extends Journey {
  readonly preorderId: string;
  readonly reason?: string;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
  readonly total: number;
}

const isSettled = (status: string): boolean => status === 'confirmed' || status === 'cancelled';
const SUMMARIES: Readonly<Record<string, string>> = {
  waiting: 'We wait for the next delivery. Nothing is charged before it is there.',
  allocated: 'It has arrived and is set aside for you. Your card is being charged…',
  confirmed: 'Your pre-order is confirmed.',
};

const cancelledInWords = (reason: string | undefined): string =>
  isOwnWish(reason) ? 'Your pre-order is cancelled, as you wished.' : `The pre-order was cancelled${reason ? `: ${reason}` : ''}.`;

/** A pre-order, as it goes. */
export function PreorderStatusPage({ preorderId }: { preorderId: string }) {
  useTitle('Your pre-order');
  const path = `/api/preorders/${encodeURIComponent(preorderId)}`;
  const { data, trouble, reload } = useFollowed<Preorder>(path, isSettled);
  const [cancelTrouble, setCancelTrouble] = useState<Trouble>();
  const summary = data && (SUMMARIES[data.status] ?? cancelledInWords(data.reason));
  useEffect(() => {
    if (summary) announce(summary);
  }, [summary]);
  if (trouble && !data) return <TroubleNote trouble={trouble} again={reload} />;
  if (!data) return <span className="ghost ghost-row" />;
  const open = isSettled(data.status) ? undefined : { name: 'Next', note: 'This page updates automatically' };
  const isWanted = isOwnWish(data.reason);
  const end = data.status !== 'cancelled' ? undefined : isWanted ? 'ended' : 'failed';
  const cancel = () => {
    setCancelTrouble(undefined);
    const intent = `cancel ${preorderId}`;
    api('POST', `${path}/cancel`, { key: keyOf(intent, preorderId) }).then(
      () => {
        fulfilled(intent);
        reload();
      },
      (error: unknown) => setCancelTrouble(troubleIn(error)),
    );
  };
  return (
    <div className="narrow">
      <div className="section-head">
        <h1>Your pre-order</h1>
        <Status status={data.status} isWanted={isWanted} />
      </div>
      <p className="lead">{summary}</p>
      <p>
        {data.quantity} × <Link href={productPath(data.sku)}>{data.name}</Link>, {money(data.total)}
      </p>
      <Stepper stages={timelineOf(data.history, open, end)} label="What happens to your pre-order" isTall />
      {cancelTrouble && data.status !== 'cancelled' && <NotCancelled what="pre-order" trouble={cancelTrouble} again={cancel} />}
      {open && (
        <p className="actions">
          <button type="button" className="button button-quiet" onClick={cancel}>
            Cancel pre-order
          </button>
        </p>
      )}
    </div>
  );
}

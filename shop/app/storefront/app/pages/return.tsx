import { type FormEvent, useEffect, useId, useState } from 'react';
import { withNames } from '../../model/journey.ts';
import { money } from '../../model/money.ts';
import type { Trouble } from '../../model/problems.ts';
import { type KnownReturn, leftToReturn } from '../../model/returnable.ts';
import { orderPath, returnPath } from '../../model/routes.ts';
import { timelineOf } from '../../model/timeline.ts';
import { announce } from '../announce.ts';
import { api, troubleIn } from '../api.ts';
import { type Journey, useFollowed } from '../followed.ts';
import { fulfilled, keyOf } from '../intent.ts';
import { navigate } from '../navigation.ts';
import { focusFirstProblem } from '../parts/field.tsx';
import { Link } from '../parts/link.tsx';
import { Picture } from '../parts/picture.tsx';
import { Status } from '../parts/status.tsx';
import { Stepper } from '../parts/stepper.tsx';
import { TroubleNote } from '../parts/trouble.tsx';
import { useResource } from '../resource.ts';
import { useTitle } from '../title.ts';
import type { Order } from './order.tsx';

const orderApiPath = (orderId: string): string => `/api/orders/${encodeURIComponent(orderId)}`;

/** Asks to return an order or a part of it. */
export function ReturnOrderPage({ orderId }: { orderId: string }) {
  useTitle('Return something');
  const path = orderApiPath(orderId);
  const { data, trouble, reload } = useResource(`return of ${path}`, async (signal) => {
    const [order, returns] = await Promise.all([
      api<Order>('GET', path, { signal }),
      api<{ items: readonly KnownReturn[] }>('GET', `${path}/returns`, { signal }),
    ]);
    return { order, left: leftToReturn(order.lines, returns.items) };
  });
  if (trouble) return <TroubleNote trouble={trouble} again={reload} />;
  if (!data) return <span className="ghost ghost-row" />;
  return (
    <div className="narrow">
      <h1>Return something</h1>
      {data.order.status !== 'confirmed' && <p className="note">Only a confirmed order can be returned.</p>}
      {data.order.status === 'confirmed' && data.left.length === 0 && (
        <p className="note">All of it has been returned, or is on its way.</p>
      )}
      {data.order.status === 'confirmed' && data.left.length > 0 && <ReturnForm orderId={orderId} lines={data.left} />}
      <p>
        <Link href={orderPath(orderId)}>Back to the order</Link>
      </p>
    </div>
  );
}

function ReturnForm({ orderId, lines }: { orderId: string; lines: Order['lines'] }) {
  const [quantities, setQuantities] = useState<Readonly<Record<string, number>>>({});
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<{ lines?: string; reason?: string }>({});
  const [trouble, setTrouble] = useState<Trouble>();
  const [isBusy, setBusy] = useState(false);
  const id = useId();
  const chosen = lines.flatMap(({ sku }) => ((quantities[sku] ?? 0) > 0 ? [{ sku, quantity: quantities[sku] as number }] : []));
  const send = async (form: HTMLFormElement) => {
    const found = {
      ...(chosen.length === 0 ? { lines: 'Choose at least one thing to return' } : {}),
      ...(reason.trim() === '' ? { reason: 'Tell us why, in a few words' } : {}),
    };
    setProblem(found);
    if (Object.keys(found).length > 0) return focusFirstProblem(form);
    setBusy(true);
    setTrouble(undefined);
    try {
      const body = { lines: chosen, reason: reason.trim() };
      const key = keyOf(`return ${orderId}`, body);
      const { returnId } = await api<{ returnId: string }>('POST', `/api/orders/${encodeURIComponent(orderId)}/returns`, { body, key });
      fulfilled(`return ${orderId}`);
      announce('Your return is on record.');
      navigate(returnPath(returnId), { replace: true });
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
      <ul className="lines">
        {lines.map(({ sku, name, quantity, price }) => (
          <li key={sku} className="line">
            <Picture sku={sku} />
            <div className="line-words">
              <label htmlFor={`${id}-${sku}`}>{name}</label>
              <span className="small muted">
                {quantity} to return, {money(price)} each
              </span>
            </div>
            <select
              id={`${id}-${sku}`}
              className="return-count"
              aria-invalid={problem.lines ? true : undefined}
              aria-describedby={problem.lines ? `${id}-lines` : undefined}
              value={quantities[sku] ?? 0}
              onChange={(event) => setQuantities({ ...quantities, [sku]: Number(event.currentTarget.value) })}
            >
              {Array.from({ length: quantity + 1 }, (_, count) => (
                <option key={count} value={count}>
                  {count === 0 ? 'Keep' : `Return ${count}`}
                </option>
              ))}
            </select>
          </li>
        ))}
      </ul>
      {problem.lines && (
        <p className="field-problem" id={`${id}-lines`}>
          {problem.lines}
        </p>
      )}
      <div className="field">
        <label htmlFor={`${id}-reason`}>Why does it come back?</label>
        <textarea
          id={`${id}-reason`}
          rows={3}
          maxLength={500}
          required
          value={reason}
          onChange={(event) => setReason(event.currentTarget.value)}
          aria-invalid={problem.reason ? true : undefined}
          aria-describedby={problem.reason ? `${id}-reason-problem` : undefined}
        />
        {problem.reason && (
          <p className="field-problem" id={`${id}-reason-problem`}>
            {problem.reason}
          </p>
        )}
      </div>
      {trouble && <TroubleNote trouble={trouble} />}
      <button type="submit" className="button" aria-disabled={isBusy}>
        {isBusy ? 'One moment…' : 'Send it back'}
      </button>
    </form>
  );
}

interface Return extends Journey {
  readonly returnId: string;
  readonly orderId: string;
  readonly reason?: string;
  readonly refund?: number;
  readonly because: string;
}

const isSettled = (status: string): boolean => status === 'completed' || status === 'refused';
const SUMMARIES: Readonly<Record<string, string>> = {
  requested: 'We are waiting for your parcel…',
  received: 'Your parcel is back. The refund is on its way…',
  refunded: 'You have your money back. We put your things on the shelf…',
  completed: 'All done: your money is back.',
};

/** A return, as it goes. */
export function ReturnPage({ returnId }: { returnId: string }) {
  useTitle('Your return');
  const { data, trouble, reload } = useFollowed<Return>(`/api/returns/${encodeURIComponent(returnId)}`, isSettled);
  if (trouble && !data) return <TroubleNote trouble={trouble} again={reload} />;
  return data ? <ReturnStory data={data} /> : <span className="ghost ghost-row" />;
}

function ReturnStory({ data }: { data: Return }) {
  // The names of the order explain a refusal.
  const path = orderApiPath(data.orderId);
  const { data: order, trouble } = useResource(path, (signal) => api<Order>('GET', path, { signal }));
  const told = (text: string) => withNames(text, order?.lines ?? []);
  const refusal = (order || trouble) && `The return was refused${data.reason ? `: ${told(data.reason)}` : ''}.`;
  const summary = SUMMARIES[data.status] ?? refusal;
  useEffect(() => {
    if (summary) announce(summary);
  }, [summary]);
  const history = data.history.map((entry) => ({ ...entry, what: told(entry.what) }));
  const open = isSettled(data.status) ? undefined : { name: 'Next', note: 'This page updates automatically' };
  return (
    <div className="narrow">
      <div className="section-head">
        <h1>Your return</h1>
        <Status status={data.status} />
      </div>
      <p className="lead">{summary}</p>
      {data.refund !== undefined && <p>Refund: {money(data.refund)}</p>}
      <Stepper
        stages={timelineOf(history, open, data.status === 'refused' ? 'failed' : undefined)}
        label="What happens to your return"
        isTall
      />
      <p>
        <Link href={orderPath(data.orderId)}>Back to the order</Link>
      </p>
    </div>
  );
}

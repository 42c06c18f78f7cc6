import { useEffect, useState } from 'react';
import { inWords, notCancelled, type Told, type Trouble, told } from '../../model/problems.ts';
import { signInPath } from '../../model/routes.ts';
import { place } from '../navigation.ts';
import { useStore } from '../store.ts';
import { Link } from './link.tsx';

/** Trouble in words, with a way on. @param again tries the same once more @param next where signing in leads: back here, unless said otherwise */
export function TroubleNote({ trouble, again, next }: { trouble: Trouble; again?: (() => void) | undefined; next?: string }) {
  return <ToldNote told={told(trouble)} trouble={trouble} again={again} {...(next === undefined ? {} : { next })} />;
}

/** A cancellation that failed: what was wanted has not happened, and only the customer can repeat it. */
export function NotCancelled({ what, trouble, again }: { what: string; trouble: Trouble; again: () => void }) {
  return <ToldNote told={notCancelled(what, trouble)} trouble={trouble} again={again} />;
}

function ToldNote({ told, trouble, again, next }: { told: Told; trouble: Trouble; again: (() => void) | undefined; next?: string }) {
  const { title, text, way } = told;
  const { href } = useStore(place);
  return (
    <div className="note note-bad" role="alert">
      <p className="note-title">{title}</p>
      <p>{text}</p>
      {way === 'wait' && again && <Wait seconds={trouble.retryAfterSeconds ?? 60} again={again} />}
      {way === 'again' && again && (
        <button type="button" className="button button-quiet" onClick={again}>
          Try again
        </button>
      )}
      {way === 'sign-in' && (
        <Link className="button button-quiet" href={signInPath(next ?? href)}>
          Sign in
        </Link>
      )}
      {trouble.status >= 500 && trouble.correlationId && <p className="small muted">For our support: {trouble.correlationId}</p>}
    </div>
  );
}

/** Counts down, and then lets the customer continue. The number is not read out each second: the button says when it is time. */
function Wait({ seconds, again }: { seconds: number; again: () => void }) {
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    const timer = setInterval(() => setLeft((before) => Math.max(0, before - 1)), 1_000);
    return () => clearInterval(timer);
  }, []);
  return (
    <button type="button" className="button button-quiet" disabled={left > 0} onClick={again}>
      {left > 0 ? `Try again in ${inWords(left)}` : 'Try again'}
    </button>
  );
}

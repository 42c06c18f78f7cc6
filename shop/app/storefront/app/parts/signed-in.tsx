import { type ReactNode, useEffect } from 'react';
import { signInPath } from '../../model/routes.ts';
import { navigate, place } from '../navigation.ts';
import { session } from '../session.ts';
import { useStore } from '../store.ts';

/** A page for customers who are signed in; others sign in first, and come back. */
export function SignedIn({ children }: { children: ReactNode }) {
  const isIn = useStore(session) !== undefined;
  useEffect(() => {
    if (!isIn) navigate(signInPath(place.get().href), { replace: true });
  }, [isIn]);
  return isIn ? children : null;
}

import { store } from './store.ts';

/**
 * The signed-in customer. The token stays in this tab: it survives a reload and ends with the tab. Scripts of this origin could
 * read it, but the gateway's policy lets no script run that is not the shop's own file; a cookie would be safe from them,
 * and in return be sent along with what other sites make the browser request.
 */
export interface Session {
  readonly token: string;
  readonly email: string;
  readonly endsAt: number;
}

const KEY = 'session';

function stored(): Session | undefined {
  try {
    const session = JSON.parse(sessionStorage.getItem(KEY) ?? 'null') as Session | null;
    return session && session.endsAt > Date.now() ? session : undefined;
  } catch {
    return undefined;
  }
}

export const session = store<Session | undefined>(stored());

/** @param expiresInSeconds as the shop says */
export function begin(email: string, token: string, expiresInSeconds: number): void {
  const next = { email, token, endsAt: Date.now() + expiresInSeconds * 1_000 };
  sessionStorage.setItem(KEY, JSON.stringify(next));
  session.set(next);
}

export function end(): void {
  sessionStorage.removeItem(KEY);
  session.set(undefined);
}
